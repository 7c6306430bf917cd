/** Where the login returns to: a path of this site, never another one. */
export function nextPage(search: string): string {
  const wanted = new URLSearchParams(search).get('next') ?? '/'
  // "//host" and "/\host" are other sites to a browser.
  return /^\/(?![/\\])/.test(wanted) ? wanted : '/'
}
