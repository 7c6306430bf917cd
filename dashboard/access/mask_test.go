package access_test

import (
	"testing"

	"gridwall/dashboard/access"
)

func TestNumbersOfPersonsAreMaskedAndOtherNumbersAreNot(t *testing.T) {
	for in, want := range map[string]string{
		`请联系13812345678处理`:                 `请联系138****5678处理`,
		`电话 138-1234-5678，或 138 1234 5678`: `电话 138-****-5678，或 138 **** 5678`,
		`{"t":"a\n13812345678"}`:           `{"t":"a\n138****5678"}`,
		`身份证11010119900307123X`:            `身份证110101********123X`,
		`110101199003071234`:               `110101********1234`,
		`"number":"1506212018122400001"`:   `"number":"1506212018122400001"`, // of a case
		`150621901001001`:                  `150621901001001`,                // of a grid
		`"lon":110.13812345678`:            `"lon":110.13812345678`,
		`138123456789`:                     `138123456789`,
		`2018-12-24T07:05:00.123456789Z`:   `2018-12-24T07:05:00.123456789Z`,
		`12345678901`:                      `12345678901`,
		`138-12345-678`:                    `138-12345-678`,
		``:                                 ``,
	} {
		if got := string(access.MaskNumbers([]byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
