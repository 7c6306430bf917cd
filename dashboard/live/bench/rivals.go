package main

import (
	"context"
	"flag"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/gorilla/websocket"
)

// servers are what this program can be beside the load.
var servers map[string]func(ctx context.Context, args []string) error

func init() { // a table that its own functions lead back to
	servers = map[string]func(ctx context.Context, args []string) error{
		"serve-centrifuge": serveCentrifuge, "serve-gorilla": serveGorilla, "serve-counter": serveCounter, "serve-notify": serveNotify,
	}
}

// listen serves until ctx ends.
func listen(ctx context.Context, addr string, mux *http.ServeMux) error {
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	s := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { s.Close() })
	if err := s.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func message(w http.ResponseWriter, r *http.Request) []byte {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return text
}

// serveCentrifuge is the library with its defaults, or tuned by a delay that lets several messages share a write.
func serveCentrifuge(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("centrifuge", flag.ContinueOnError)
	addr := flags.String("addr", "", "")
	delay := flags.Duration("delay", 0, "WriteDelay")
	if err := flags.Parse(args); err != nil {
		return err
	}
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		reply := centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "wall"}, Subscriptions: map[string]centrifuge.SubscribeOptions{"events": {}}}
		if *delay > 0 {
			reply.WriteDelay, reply.WriteWithTimer, reply.MaxMessagesInFrame = *delay, true, 64
		}
		return reply, nil
	})
	if err := node.Run(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{UseWriteBufferPool: true}))
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		if _, err := node.Publish("events", message(w, r)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return listen(ctx, *addr, mux)
}

// serveGorilla is what one writes first: a prepared message and a goroutine with a queue per client.
func serveGorilla(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("gorilla", flag.ContinueOnError)
	addr := flags.String("addr", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var mu sync.RWMutex
	clients := map[chan *websocket.PreparedMessage]*websocket.Conn{}
	upgrader := websocket.Upgrader{ReadBufferSize: 512, WriteBufferPool: new(sync.Pool), CheckOrigin: func(*http.Request) bool { return true }}
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		queue, gone := make(chan *websocket.PreparedMessage, 256), make(chan struct{})
		mu.Lock()
		clients[queue] = conn
		mu.Unlock()
		go func() {
			for {
				select {
				case <-gone:
					return
				case m := <-queue:
					if conn.WritePreparedMessage(m) != nil {
						conn.Close()
						return
					}
				}
			}
		}()
		go func() {
			for {
				if _, _, err := conn.NextReader(); err != nil {
					break
				}
			}
			mu.Lock()
			delete(clients, queue)
			mu.Unlock()
			close(gone)
			conn.Close()
		}()
	})
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		m, err := websocket.NewPreparedMessage(websocket.TextMessage, message(w, r))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		mu.RLock()
		defer mu.RUnlock()
		for queue, conn := range clients {
			select {
			case queue <- m:
			default: // it is too slow
				go conn.Close()
			}
		}
	})
	return listen(ctx, *addr, mux)
}
