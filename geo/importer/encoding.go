package importer

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// Encodings are the names that Options.Encoding takes.
const Encodings = "utf-8|gbk|gb18030|big5|windows-1252"

// encodingOf knows the names that people, .cpg files and code pages use. GB18030 holds GBK and GB 2312.
func encodingOf(name string) (encoding.Encoding, error) {
	folded := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(strings.TrimSpace(name)))
	folded = strings.TrimPrefix(strings.TrimPrefix(folded, "cp"), "ansi")
	switch folded {
	case "utf8", "65001", "unicode":
		return unicode.UTF8, nil
	case "gbk", "gb2312", "gb18030", "936", "54936", "euccn":
		return simplifiedchinese.GB18030, nil
	case "big5", "950", "big5hkscs":
		return traditionalchinese.Big5, nil
	case "1252", "windows1252", "iso88591", "88591", "latin1":
		return charmap.Windows1252, nil
	}
	return nil, fmt.Errorf("unknown encoding %q: choose one of %s", name, Encodings)
}

// ldid is the encoding that a dBASE file names in byte 29 of its header; nil where it names none that we know.
func ldid(b byte) encoding.Encoding {
	switch b {
	case 0x4D, 0x7A:
		return simplifiedchinese.GB18030
	case 0x4F, 0x78:
		return traditionalchinese.Big5
	case 0x03, 0x58, 0x59:
		return charmap.Windows1252
	}
	return nil
}

// decodeText reads b as enc; where nothing is declared, as UTF-8 if it is that.
func decodeText(b []byte, enc encoding.Encoding) (string, *Text) {
	if enc == nil || enc == unicode.UTF8 {
		if !utf8.Valid(b) {
			return "", &Text{"文字不是 UTF-8, 文件也没有声明编码 (.cpg): 请加 --encoding=gbk 或 --encoding=big5",
				"the text is not UTF-8 and the file declares no encoding (.cpg): add --encoding=gbk or --encoding=big5"}
		}
		return string(b), nil
	}
	s, err := enc.NewDecoder().Bytes(b)
	if err != nil || strings.ContainsRune(string(s), utf8.RuneError) {
		return "", &Text{"文字与声明的编码不符: 请用 --encoding 指明 (" + Encodings + ")", "the text does not fit the declared encoding: name the right one with --encoding (" + Encodings + ")"}
	}
	return string(s), nil
}
