/** A key for Idempotency-Key: 128 random bits. randomUUID needs a secure context, which a desk on plain HTTP has not. */
export function freshKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
