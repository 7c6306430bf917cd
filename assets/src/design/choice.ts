export interface Choice {
  value: string
  name: string
  /** A code or group, shown dim and searched too. */
  hint: string
}

/** The choices that hold every word, those whose name starts with the text first. */
export function matching(choices: readonly Choice[], text: string, limit: number): Choice[] {
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean)
  const found = choices.filter((choice) => {
    const all = `${choice.name} ${choice.hint}`.toLowerCase()
    return words.every((word) => all.includes(word))
  })
  const first = words[0] ?? ''
  return found
    .sort((a, b) => Number(b.name.toLowerCase().startsWith(first)) - Number(a.name.toLowerCase().startsWith(first)))
    .slice(0, limit)
}
