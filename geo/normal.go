package geo

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/mozillazg/go-pinyin"
)

// alike are signs that people and registers write for each other.
var alike = map[rune]rune{'號': '号', '樓': '楼', '棟': '栋', '單': '单', '層': '层', '來': '来', '區': '区', '網': '网', '〇': '零', '－': '-', '—': '-', '–': '-'}

// normal makes names and addresses comparable: small letters, half-width signs 全角, 号 for 號, digits for Chinese numbers,
// no spaces but between words of letters.
func normal(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E:
			r -= 0xFEE0
		case r == 0x3000:
			r = ' '
		case r == '\t' || r == '\n' || r == '\r':
			r = ' '
		}
		if same, ok := alike[r]; ok {
			return same
		}
		return unicode.ToLower(r)
	}, s)
	return numbers(together(s))
}

// together leaves out the spaces beside Chinese signs: some write 永来路 3 号, some 永来路3号.
func together(s string) string {
	if !strings.Contains(s, " ") {
		return s
	}
	signs := []rune(s)
	kept := make([]rune, 0, len(signs))
	for i, r := range signs {
		if r == ' ' && (i > 0 && signs[i-1] > unicode.MaxASCII || i+1 < len(signs) && signs[i+1] > unicode.MaxASCII) {
			continue
		}
		kept = append(kept, r)
	}
	return string(kept)
}

const digits = "零一二三四五六七八九"

// numbers writes Chinese numbers up to 9999 as digits: 十二号 12号, 三〇五 305. Names are changed alike on both sides.
func numbers(s string) string {
	if !strings.ContainsAny(s, digits+"十百千两") {
		return s
	}
	var b strings.Builder
	var run []rune
	flush := func() {
		if len(run) > 0 {
			b.WriteString(number(run))
			run = run[:0]
		}
	}
	for _, r := range s {
		if strings.ContainsRune(digits+"十百千两", r) {
			run = append(run, r)
			continue
		}
		flush()
		b.WriteRune(r)
	}
	flush()
	return b.String()
}

func number(run []rune) string {
	value := func(r rune) int {
		if r == '两' {
			return 2
		}
		return strings.Index(digits, string(r)) / len("零")
	}
	if !strings.ContainsAny(string(run), "十百千") { // said sign by sign: 三〇五
		var b strings.Builder
		for _, r := range run {
			b.WriteString(strconv.Itoa(value(r)))
		}
		return b.String()
	}
	sum, digit := 0, -1
	for _, r := range run {
		unit := map[rune]int{'十': 10, '百': 100, '千': 1000}[r]
		switch {
		case unit == 0:
			digit = value(r)
		case digit < 0:
			sum, digit = sum+unit, -1
		default:
			sum, digit = sum+digit*unit, -1
		}
	}
	return strconv.Itoa(sum + max(digit, 0))
}

// speller knows the reading of signs; each is looked up once.
type speller map[rune]string

var plain = pinyin.NewArgs()

func (s speller) reading(r rune) string {
	if r < unicode.MaxLatin1 || !unicode.Is(unicode.Han, r) {
		return ""
	}
	p, ok := s[r]
	if !ok {
		if all := pinyin.SinglePinyin(r, plain); len(all) > 0 {
			p = all[0]
		}
		s[r] = p
	}
	return p
}

// spell writes the pinyin of a text without tones, and its initials: 永来城 is yonglaicheng and ylc. Letters and digits
// stand in both as they are.
func (s speller) spell(text string) (full, initials string) {
	var f, i strings.Builder
	for _, r := range text {
		if p := s.reading(r); p != "" {
			f.WriteString(p)
			i.WriteByte(p[0])
		} else if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			f.WriteRune(r)
			i.WriteRune(r)
		}
	}
	return f.String(), i.String()
}
