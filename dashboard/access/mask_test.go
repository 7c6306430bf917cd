package access_test

import (
	"testing"

	"gridwall/dashboard/access"
)

func TestNumbersOfPersonsAreMaskedAndOtherNumbersAreNot(t *testing.T) {
	for in, want := range map[string]string{
		`请联系13812345678处理`:                  `请联系138****5678处理`,
		`电话 138-1234-5678，或 138 1234 5678`:  `电话 138-****-5678，或 138 **** 5678`,
		`{"t":"a\n13812345678"}`:            `{"t":"a\n138****5678"}`,
		`身份证11010119900307123X`:             `身份证110101********123X`,
		`110101199003071234`:                `110101********1234`,
		`"number":"1506212018122400001"`:    `"number":"1506212018122400001"`, // of a case
		`150621901001001`:                   `150621901001001`,                // of a grid
		`"lon":110.13812345678`:             `"lon":110.13812345678`,
		`138123456789`:                      `138123456789`,
		`2018-12-24T07:05:00.123456789Z`:    `2018-12-24T07:05:00.123456789Z`,
		`12345678901`:                       `12345678901`,
		`138-12345-678`:                     `138-12345-678`,
		`+8613812345678`:                    `+86138****5678`,
		`008613812345678。`:                  `0086138****5678。`,
		`１３８１２３４５６７８`:                       `１３８＊＊＊＊５６７８`,
		`１３８ 1234 ５６７８`:                     `１３８ **** ５６７８`,
		`138.1234.5678 1381234-5678`:        `138.****.5678 138****-5678`,
		`138 12345678`:                      `138 ****5678`,
		`110101 19900307 123X`:              `110101 ******** 123X`,
		`[138,1234,5678]`:                   `[138,1234,5678]`,
		`"x":139.8765,"y":1234`:             `"x":139.8765,"y":1234`,
		`138-1234-56789`:                    `138-1234-56789`,
		`150 2018 13812345678`:              `150 2018 138****5678`,
		`1234-5678 138`:                     `1234-5678 138`,
		`150621901001001002003004005006007`: `150621901001001002003004005006007`,
		``:                                  ``,
	} {
		if got := string(access.MaskNumbers([]byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// Whatever the text: it stays as long, only digits become asterisks, and what was masked once is masked.
func FuzzMaskNumbers(f *testing.F) {
	for _, seed := range []string{"13812345678", "１３８ 1234-5678", "11010119900307123X", "+86138.1234.5678", "\\n138\xef\xbc", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := string(text)
		out := access.MaskNumbers(text)
		if string(text) != before {
			t.Fatal("what was given was written over")
		}
		if len(out) != len(text) {
			t.Fatalf("%d bytes of %d", len(out), len(text))
		}
		for i := range out {
			if out[i] != text[i] && !(out[i] == '*' && text[i] >= '0' && text[i] <= '9') && !(out[i] == 0x8A && text[i] >= 0x90 && text[i] <= 0x99) {
				t.Fatalf("byte %d: %x became %x", i, text[i], out[i])
			}
		}
		if again := access.MaskNumbers(out); string(again) != string(out) {
			t.Fatalf("%q was masked further: %q", out, again)
		}
	})
}

func BenchmarkMaskNumbers(b *testing.B) {
	text := []byte(`{"seq":1,"prev":0,"type":"case.reported","at":"2026-11-28T07:05:00.123456789Z","data":{"case":{"id":1,"number":"1506212018122400001","title":"路灯不亮","grid":"150621901001001","location":{"lon":110.00512,"lat":40.40533},"description":"请联系13812345678"}}}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		access.MaskNumbers(text)
	}
}
