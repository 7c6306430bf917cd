package access

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Codes of six digits that change every 30 s, by HMAC-SHA-1: what every authenticator makes of a secret (RFC 6238 with the
// values of its section 4; SHA-1 is not weak as an HMAC, and some authenticators ignore any other choice).
const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	// totpDrift is how many steps a telephone's clock may be off, either way.
	totpDrift = 1
	// totpSecretLen is the length that RFC 4226 recommends, in bytes.
	totpSecretLen = 20
)

// totpAt is the step that an instant lies in.
func totpAt(at time.Time) int64 { return at.Unix() / int64(totpStep/time.Second) }

// totp is the code of a step: HOTP (RFC 4226, section 5.3) with the step for a counter.
func totp(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, number%1_000_000)
}

// totpFits finds the step whose code was shown, newer than the last that was taken.
func totpFits(secret []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	middle := totpAt(now)
	for s := middle - totpDrift; s <= middle+totpDrift; s++ {
		if hmac.Equal([]byte(totp(secret, s)), []byte(code)) && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

// totpURI is what an authenticator reads from a picture.
func totpURI(issuer, username string, secret []byte) string {
	q := url.Values{"secret": {base32Plain.EncodeToString(secret)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {strconv.Itoa(totpDigits)}, "period": {"30"}}
	return (&url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + username, RawQuery: q.Encode()}).String()
}
