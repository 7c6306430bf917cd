import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import en from './en'
import { flatten } from './index'
import zh from './zh-CN'

function sources(): string[] {
  const root = join(import.meta.dirname, '..')
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(vue|ts)$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(root, name), 'utf8'))
}

const zhKeys = flatten(zh)
const enKeys = flatten(en)
// t('a.b') and, for a key that is put together, t(`a.${x}`): its prefix must have keys below it.
const whole = new Set<string>()
const prefixes = new Set<string>()
for (const text of sources()) {
  for (const match of text.matchAll(/\bt\(\s*'([^']+)'/g)) whole.add(match[1] ?? '')
  for (const match of text.matchAll(/\b(?:t|known)\(\s*`([^`$]+)\$\{/g)) prefixes.add(match[1] ?? '')
}

describe('the two languages', () => {
  it('have the same keys', () => {
    expect([...enKeys.keys()].sort()).toEqual([...zhKeys.keys()].sort())
  })

  it('have the same placeholders in each text', () => {
    const names = (text: string | undefined) => [...(text ?? '').matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort()
    for (const [key, text] of zhKeys) expect([key, ...names(enKeys.get(key))]).toEqual([key, ...names(text)])
  })

  it('hold every key that a page asks for', () => {
    expect(whole.size).toBeGreaterThan(50)
    expect([...whole].filter((key) => !zhKeys.has(key))).toEqual([])
    expect([...prefixes].filter((prefix) => ![...zhKeys.keys()].some((key) => key.startsWith(prefix)))).toEqual([])
  })

  it('hold no key that no page asks for', () => {
    const used = (key: string) => whole.has(key) || [...prefixes].some((prefix) => key.startsWith(prefix))
    expect([...zhKeys.keys()].filter((key) => !used(key))).toEqual([])
  })
})
