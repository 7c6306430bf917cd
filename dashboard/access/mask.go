package access

// MaskNumbers puts asterisks into mobile numbers and numbers of identity cards that stand in a text, as they do in titles
// and descriptions that people wrote: 138****5678, 110101********1234. What holds none is returned as it is.
//
// A mobile number is 11 digits from 13 to 19, whole or in groups of 3, 4 and 4 with spaces or hyphens between; an identity
// number is 18 signs with a date of birth in it (GB 11643-1999). Digits after a point are a fraction. Numbers of cases (19)
// and codes of grids (15) are neither.
func MaskNumbers(text []byte) []byte {
	var out []byte // nil: nothing was masked yet
	for i := 0; i < len(text); {
		if !digit(text[i]) {
			i++
			continue
		}
		end := i
		for end < len(text) && digit(text[end]) {
			end++
		}
		var stars []int
		whole := i == 0 || text[i-1] != '.' && !letter(text[i-1]) || text[i-1] != '.' && escaped(text, i-1)
		switch n := end - i; {
		case !whole:
		case n == 11 && mobile(text[i:]):
			stars = span(i+3, i+7)
		case n == 18 && born(text[i+6:i+14]), n == 17 && end < len(text) && (text[end] == 'X' || text[end] == 'x') && born(text[i+6:i+14]):
			stars = span(i+6, i+14)
		case n == 3 && mobile(text[i:]) && grouped(text[end:]):
			stars = span(end+1, end+5)
			end += 10
		}
		if stars != nil {
			if out == nil {
				out = append([]byte(nil), text...)
			}
			for _, s := range stars {
				out[s] = '*'
			}
		}
		i = end
	}
	if out == nil {
		return text
	}
	return out
}

func digit(b byte) bool  { return b >= '0' && b <= '9' }
func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

// escaped says whether the letter at i ends one of JSON's escapes, like the n of \n.
func escaped(text []byte, i int) bool { return i > 0 && text[i-1] == '\\' }

func mobile(t []byte) bool { return len(t) > 1 && t[0] == '1' && t[1] >= '3' }

// grouped says whether a text goes on as "-1234-5678" or " 1234 5678" does, and no digit follows.
func grouped(t []byte) bool {
	if len(t) < 10 || t[0] != ' ' && t[0] != '-' || t[5] != t[0] || len(t) > 10 && digit(t[10]) {
		return false
	}
	for _, i := range []int{1, 2, 3, 4, 6, 7, 8, 9} {
		if !digit(t[i]) {
			return false
		}
	}
	return true
}

// born says whether eight digits are a day of the years 1900 to 2099.
func born(t []byte) bool {
	month, day := int(t[4]-'0')*10+int(t[5]-'0'), int(t[6]-'0')*10+int(t[7]-'0')
	return (t[0] == '1' && t[1] == '9' || t[0] == '2' && t[1] == '0') && month >= 1 && month <= 12 && day >= 1 && day <= 31
}

func span(from, to int) []int {
	s := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}
