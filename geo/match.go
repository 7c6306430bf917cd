package geo

import "strings"

// Matcher says of texts whether one of them holds q, as Search would find it: written in any width or case, with Chinese
// numbers or digits, or spelled in pinyin or its initials. An empty q fits everything. It is for one goroutine.
func Matcher(q string) func(texts ...string) bool {
	q = normal(strings.TrimSpace(q))
	if q == "" {
		return func(...string) bool { return true }
	}
	spelled := strings.ReplaceAll(q, " ", "")
	spell := speller{}
	return func(texts ...string) bool {
		for _, text := range texts {
			text = normal(text)
			if strings.Contains(text, q) {
				return true
			}
			if latin(q) {
				if full, initials := spell.spell(text); strings.Contains(full, spelled) || strings.Contains(initials, spelled) {
					return true
				}
			}
		}
		return false
	}
}
