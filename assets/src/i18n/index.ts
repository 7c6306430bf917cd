import { ref } from 'vue'
import en from './en'
import zh from './zh-CN'

/**
 * The two languages of the pages. Keys are checked by the compiler, texts are plain with {name} for what is put in; a page
 * changes language without reload because every text is read through `locale`. A library for this weighed a third of the
 * login page and did nothing more for us.
 */
export type Locale = 'zh-CN' | 'en'
export type Messages = typeof zh
type Paths<T> = { [K in keyof T & string]: T[K] extends string ? K : `${K}.${Paths<T[K]>}` }[keyof T & string]
export type Key = Paths<Messages>

/** A name as the server sends it: both languages, the page picks. */
export interface Named {
  zh: string
  en: string
}

type Tree = { [key: string]: string | Tree }

const storage = 'gridwall.locale'
const texts: Record<Locale, Map<string, string>> = { 'zh-CN': flatten(zh), en: flatten(en) }

export const locale = ref<Locale>(remembered())

export function setLocale(next: Locale): void {
  locale.value = next
  localStorage.setItem(storage, next)
  document.documentElement.lang = next
}

document.documentElement.lang = locale.value

/** The text of a key, with the values put in for {name}. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return (texts[locale.value].get(key) ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** The text of a key that the server had a part in; what it sent when the page has no word for it. */
export function known(key: string, otherwise: string): string {
  return texts[locale.value].get(key) ?? otherwise
}

/** The name in the page's language; the other one where a site has filled in only that. */
export function named(name: Named): string {
  return locale.value === 'en' ? name.en || name.zh : name.zh || name.en
}

export function flatten(tree: Tree, prefix = ''): Map<string, string> {
  const flat = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') flat.set(prefix + key, value)
    else for (const [below, text] of flatten(value, `${prefix}${key}.`)) flat.set(below, text)
  }
  return flat
}

function remembered(): Locale {
  const wanted = new URLSearchParams(location.search).get('lang') ?? localStorage.getItem(storage)
  return wanted === 'en' ? 'en' : 'zh-CN'
}
