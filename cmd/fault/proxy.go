package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// proxy stands on a wire and spoils it.
type proxy struct {
	*toxiproxy.Proxy
	name string
	n    int
}

func newProxy(server *toxiproxy.ApiServer, name, upstream string) (*proxy, error) {
	p := &proxy{Proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream), name: name}
	return p, p.Start()
}

func newProxyServer() *toxiproxy.ApiServer {
	toxics.Register("lost_answer", new(LostAnswer))
	return toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
}

// spoil adds a toxic and returns what takes it away.
func (p *proxy) spoil(kind, stream, attributes string) (heal func(), err error) {
	p.n++
	name := fmt.Sprintf("%s-%d", kind, p.n)
	_, err = p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"toxicity":1,"attributes":%s}`, name, kind, stream, attributes)))
	return func() { p.Toxics.RemoveToxic(context.Background(), name) }, err
}

// LostAnswer drops an answer and cuts the connection: what was asked has been done, and the asker does not know. One in
// OneIn of the answers that hold one of Marks is lost.
type LostAnswer struct {
	Marks []string `json:"marks"`
	OneIn int      `json:"one_in"`
}

// Pipe is called by the proxy for each connection.
func (l *LostAnswer) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil || l.hit(chunk.Data) {
				stub.Close()
				go func() { // the sender must not wait for us
					for range stub.Input {
					}
				}()
				return
			}
			stub.Output <- chunk
		}
	}
}

func (l *LostAnswer) hit(data []byte) bool {
	for _, mark := range l.Marks {
		if bytes.Contains(data, []byte(mark)) {
			return rand.IntN(max(l.OneIn, 1)) == 0
		}
	}
	return false
}
