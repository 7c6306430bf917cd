package access

import (
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/crypto/argon2"
)

// argon2id with the parameters that OWASP's password storage sheet gives first: 19 MiB, 2 passes, 1 lane.
const (
	argonMemoryKiB = 19 * 1024
	argonPasses    = 2
	argonLanes     = 1
	argonKeyLen    = 32
)

// MinPassword is the shortest password, in characters.
const MinPassword = 8

// hashing bounds how many passwords are hashed at a time: each takes 19 MiB.
var hashing = make(chan struct{}, 2)

//go:embed common.txt
var commonText string

// common are the passwords that are tried first, in lower case.
var common = sync.OnceValue(func() map[string]bool {
	list := map[string]bool{}
	for line := range strings.Lines(commonText) {
		list[strings.ToLower(strings.TrimSpace(line))] = true
	}
	return list
})

// ErrCommonPassword says that a password is one of those that everybody tries, or made of the name of account or product.
var ErrCommonPassword = errors.New("access: the password is one of those that are tried first")

// ours are words that stand in passwords of this centre before they stand in any list.
var ours = []string{"gridwall", "wangge", "zhihui", "dispatch"}

// checkNew refuses a new password that would be guessed: a common one, and one that is nothing but the name of the account
// or of the product with a few digits or signs.
func checkNew(username, password string) error {
	lower := strings.ToLower(password)
	if common()[lower] {
		return ErrCommonPassword
	}
	bare := strings.TrimFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, word := range append(ours, strings.ToLower(username)) {
		if len(word) >= 3 && bare == word {
			return ErrCommonPassword
		}
	}
	return nil
}

// HashPassword gives the PHC form $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func HashPassword(password string) (string, error) {
	if len([]rune(password)) < MinPassword {
		return "", fmt.Errorf("the password has fewer than %d characters", MinPassword)
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	key := argonKey(password, salt, argonPasses, argonMemoryKiB, argonLanes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemoryKiB, argonPasses, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

var errHashForm = errors.New("access: a stored password is not in argon2id's PHC form")

// deriver makes a key of a password: argonKey, or one that counts.
type deriver func(password string, salt []byte, passes, memoryKiB uint32, lanes uint8) []byte

// decoy is what a password is held against where there is none: it costs what a hash of HashPassword does, and no password
// is known that fits it.
var decoy = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemoryKiB, argonPasses, argonLanes,
	base64.RawStdEncoding.EncodeToString(make([]byte, 16)), base64.RawStdEncoding.EncodeToString(make([]byte, argonKeyLen)))

// checkPassword compares in constant time, with the parameters that the hash was made with.
func checkPassword(hash, password string, derive deriver) (bool, error) {
	var version int
	var memory, passes uint32
	var lanes uint8
	var rest string
	if _, err := fmt.Sscanf(hash, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &memory, &passes, &lanes, &rest); err != nil || version != argon2.Version {
		return false, errHashForm
	}
	var salt, key []byte
	for i := range rest {
		if rest[i] == '$' {
			salt, _ = base64.RawStdEncoding.DecodeString(rest[:i])
			key, _ = base64.RawStdEncoding.DecodeString(rest[i+1:])
		}
	}
	if len(salt) == 0 || len(key) != argonKeyLen {
		return false, errHashForm
	}
	return subtle.ConstantTimeCompare(key, derive(password, salt, passes, memory, lanes)) == 1, nil
}

func argonKey(password string, salt []byte, passes, memory uint32, lanes uint8) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, argonKeyLen)
}
