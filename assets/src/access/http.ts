import { locale } from '../i18n'

/** What the server says when it will not: RFC 9457, with a stable `code` and a `detail` in the page's language. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    /** What stands in the way, of a conflict. */
    readonly standing: unknown = null,
  ) {
    super(detail)
    this.name = 'Problem'
  }
}

let signedOut: () => void = () => undefined

/** Says what a page does when its session is gone: the desk goes to the login, a wall says so in words. */
export function onSignedOut(act: () => void): void {
  signedOut = act
}

/** Asks the server on this origin. Throws Problem for every answer that is not 2xx and for no answer at all. */
export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await send(path, init)
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}

/** As request, but gives the answer itself: for SDP and pictures. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('Accept-Language', locale.value)
  let response: Response
  try {
    response = await fetch(path, { ...init, headers })
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new Problem(0, 'unreachable', '')
  }
  if (response.ok) return response
  const problem = await problemOf(response)
  if (problem.code === 'not_signed_in') signedOut() // a wrong password is no lost session
  throw problem
}

export function post<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
  return write<T>('POST', path, body, headers)
}

export function put<T>(path: string, body: unknown): Promise<T> {
  return write<T>('PUT', path, body)
}

function write<T>(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
  return request<T>(path, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

interface ProblemBody {
  code?: string
  detail?: string
  title?: string
  standing?: unknown
}

async function problemOf(response: Response): Promise<Problem> {
  if (!(response.headers.get('Content-Type') ?? '').includes('json')) {
    return new Problem(response.status, `http_${response.status}`, response.statusText)
  }
  const body = (await response.json()) as ProblemBody
  return new Problem(response.status, body.code ?? `http_${response.status}`, body.detail ?? body.title ?? '', body.standing ?? null)
}
