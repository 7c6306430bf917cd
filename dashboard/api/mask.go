package api

import (
	"bytes"
	"net/http"
	"strings"

	"gridwall/dashboard/access"
)

// masker keeps what is written as text until the answer is whole, and masks the numbers of persons in it. Pictures, films
// and tiles go through as they come.
type masker struct {
	http.ResponseWriter
	text   bytes.Buffer
	code   int
	begun  bool
	passes bool
}

func (m *masker) WriteHeader(code int) {
	if m.begun {
		return
	}
	m.begun, m.code = true, code
	kind, _, _ := strings.Cut(m.Header().Get("Content-Type"), ";")
	m.passes = !strings.HasSuffix(kind, "json") && !strings.HasPrefix(kind, "text/") || m.Header().Get("Content-Encoding") != ""
	if m.passes {
		m.ResponseWriter.WriteHeader(code)
	}
}

func (m *masker) Write(b []byte) (int, error) {
	if !m.begun {
		m.WriteHeader(http.StatusOK)
	}
	if m.passes {
		return m.ResponseWriter.Write(b)
	}
	return m.text.Write(b)
}

func (m *masker) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// end writes what was kept.
func (m *masker) end() {
	if !m.begun || m.passes {
		return
	}
	m.Header().Del("Content-Length") // masked text is as long, but it need not be believed
	m.ResponseWriter.WriteHeader(m.code)
	_, _ = m.ResponseWriter.Write(access.MaskNumbers(m.text.Bytes())) // the client may be gone
}
