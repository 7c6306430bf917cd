package access

// MaskNumbers puts asterisks into mobile numbers and numbers of identity cards that stand in a text, as they do in titles
// and descriptions that people wrote: 138****5678, 110101********1234. What holds none is returned as it is; what is
// masked is as long as it was.
//
// A mobile number is 11 digits from 13 to 19, after 86 or 0086 too, whole or in groups of 3, 4 and 4, of 3 and 8 or of 7 and
// 4 with a space, hyphen or point between; an identity number is 18 signs with a date of birth in it (GB 11643-1999), whole
// or in groups of 6, 8 and 4. Digits may be full-width ones (１３８…), as Chinese keyboards write them. Digits after a point
// are a fraction. Numbers of cases (19) and codes of grids (15) are neither.
func MaskNumbers(text []byte) []byte {
	var out []byte // nil: nothing was masked yet
	var digits [64]placed
	var groups [4]int
	for i := 0; i < len(text); {
		if _, size := digitAt(text, i); size == 0 {
			i++
			continue
		}
		n := number{text, digits[:0], groups[:0]}
		end := n.run(i)
		if i > 0 && (text[i-1] == '.' || letter(text[i-1]) && !escaped(text, i-1)) { // a fraction, or part of a word
			i = end
			continue
		}
		from, to, after := n.personal(end)
		if from < to {
			if out == nil {
				out = append([]byte(nil), text...)
			}
			for _, d := range n.digits[from:to] {
				star(out, d.at)
			}
			end = after
		}
		i = end
	}
	if out == nil {
		return text
	}
	return out
}

// number is digits that stand together, or in groups.
type number struct {
	text   []byte
	digits []placed
	groups []int // how many digits each has
}

type placed struct {
	value byte
	at    int
}

// run takes a run of digits from at, as a group, and gives where it ends.
func (n *number) run(at int) (end int) {
	count := 0
	for end = at; ; count++ {
		v, size := digitAt(n.text, end)
		if size == 0 || len(n.digits) > 24 && count > 24 { // longer than anything that is looked for
			break
		}
		n.digits = append(n.digits, placed{v, end})
		end += size
	}
	for { // of a longer one, the rest
		_, size := digitAt(n.text, end)
		if size == 0 {
			break
		}
		end, count = end+size, count+1
	}
	n.groups = append(n.groups, count)
	return end
}

// personal says which digits are to be masked of a number whose first group ends at end (from == to: none), and where
// what was looked at ends.
func (n *number) personal(end int) (from, to, after int) {
	for {
		switch n.groups[0] {
		case 3, 6, 7, 11, 13, 15, 17, 18:
		default:
			return 0, 0, end
		}
		if from, to = n.whole(end); from < to {
			return from, to, end
		}
		if len(n.groups) == 3 {
			return 0, 0, end
		}
		size := separator(n.text, end)
		if size == 0 {
			return 0, 0, end
		}
		if _, digit := digitAt(n.text, end+size); digit == 0 {
			return 0, 0, end
		}
		end = n.run(end + size)
	}
}

// whole says which digits to mask if what was read is a number of a person and ends here.
func (n *number) whole(end int) (from, to int) {
	grouped := func(sizes ...int) bool {
		if len(n.groups) != len(sizes) {
			return false
		}
		for i, s := range sizes {
			if n.groups[i] != s {
				return false
			}
		}
		return true
	}
	x := end < len(n.text) && (n.text[end] == 'X' || n.text[end] == 'x')
	switch {
	case (grouped(11) || grouped(3, 4, 4) || grouped(3, 8) || grouped(7, 4)) && n.mobile(0):
		return 3, 7
	case grouped(13) && n.starts(8, 6) && n.mobile(2):
		return 5, 9
	case grouped(15) && n.starts(0, 0, 8, 6) && n.mobile(4):
		return 7, 11
	case (grouped(18) || grouped(6, 8, 4)) && n.born(6), (grouped(17) || grouped(6, 8, 3)) && x && n.born(6):
		return 6, 14
	}
	return 0, 0
}

func (n *number) starts(with ...byte) bool {
	for i, v := range with {
		if n.digits[i].value != v {
			return false
		}
	}
	return true
}

func (n *number) mobile(at int) bool { return n.digits[at].value == 1 && n.digits[at+1].value >= 3 }

// born says whether eight digits are a day of the years 1900 to 2099.
func (n *number) born(at int) bool {
	v := func(i int) int { return int(n.digits[at+i].value) }
	century, month, day := v(0)*10+v(1), v(4)*10+v(5), v(6)*10+v(7)
	return (century == 19 || century == 20) && month >= 1 && month <= 12 && day >= 1 && day <= 31
}

// digitAt is the digit at i and how many bytes it has; 0 bytes: there is none. A full-width one is EF BC 90 to 99.
func digitAt(text []byte, i int) (value byte, size int) {
	switch {
	case i >= len(text):
	case text[i] >= '0' && text[i] <= '9':
		return text[i] - '0', 1
	case text[i] == 0xEF && i+2 < len(text) && text[i+1] == 0xBC && text[i+2] >= 0x90 && text[i+2] <= 0x99:
		return text[i+2] - 0x90, 3
	}
	return 0, 0
}

// star puts an asterisk in a digit's place, as wide as the digit.
func star(text []byte, at int) {
	if text[at] == 0xEF {
		text[at+2] = 0x8A
		return
	}
	text[at] = '*'
}

// separator is how many bytes there are of what may stand between groups: a space, hyphen or point, of either width.
func separator(text []byte, i int) int {
	switch {
	case i >= len(text):
	case text[i] == ' ' || text[i] == '-' || text[i] == '.':
		return 1
	case i+2 < len(text) && (text[i] == 0xE3 && text[i+1] == 0x80 && text[i+2] == 0x80 || text[i] == 0xEF && text[i+1] == 0xBC && text[i+2] == 0x8D):
		return 3
	}
	return 0
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

// escaped says whether the letter at i ends one of JSON's escapes, like the n of \n.
func escaped(text []byte, i int) bool { return i > 0 && text[i-1] == '\\' }

// MaskName keeps the first sign of a person's name.
func MaskName(name string) string {
	for _, first := range name {
		return string(first) + "**"
	}
	return ""
}

// MaskPhone keeps the first three and the last two digits of a number of any kind, and what stands between the digits.
func MaskPhone(phone string) string {
	var at []int
	for i := 0; i < len(phone); i++ {
		if phone[i] >= '0' && phone[i] <= '9' {
			at = append(at, i)
		}
	}
	out := []byte(phone)
	for i := 3; i < len(at)-2; i++ {
		out[at[i]] = '*'
	}
	if len(at) < 7 { // nothing that is known as a number
		return "***"[:min(len(phone), 3)]
	}
	return string(out)
}
