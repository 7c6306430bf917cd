package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"

	"gridwall/streams"
	"gridwall/streams/mse"
	"gridwall/streams/page"
	"gridwall/streams/rtpout"
)

func cameraID(n int) string { return fmt.Sprintf("C%03d", n) }

// role runs until standard input ends.
func role(ctx context.Context, args []string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	n, err := strconv.Atoi(args[len(args)-1])
	if err != nil {
		return err
	}
	switch args[0] {
	case "cameras":
		count, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return cameras(ctx, count, n)
	case "relay":
		if file := os.Getenv("BENCH_CPU_PROFILE"); file != "" {
			f, err := os.Create(file)
			if err != nil {
				return err
			}
			defer f.Close()
			if err := pprof.StartCPUProfile(f); err != nil {
				return err
			}
			defer pprof.StopCPUProfile()
		}
		return relay(ctx, args[1], n)
	case "floor":
		return floor(ctx, args[1], n)
	}
	return fmt.Errorf("no role %q", args[0])
}

// relay is the product's: hub, page, MSE and RTSP.
func relay(ctx context.Context, room string, n int) error {
	hub := streams.New(streams.Config{Sweep: -1})
	var known []streams.Camera
	for i := range n {
		known = append(known, streams.Camera{ID: cameraID(i), URL: "rtsp://" + room + "/" + cameraID(i)})
	}
	hub.Set(known)
	out, err := rtpout.New(rtpout.Config{Hub: hub, Addr: "127.0.0.1:0", Allowed: func(context.Context, rtpout.Credentials, string) (func(), error) { return nil, nil }})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /streams", func(w http.ResponseWriter, r *http.Request) {
		page.Serve(ctx, w, r, hub, func(string, string) (page.Leave, error) { return page.Leave{}, nil })
	})
	mux.HandleFunc("GET /mse/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := mse.Serve(ctx, w, r, hub, r.PathValue("id")); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
		}
	})
	mux.HandleFunc("GET /rtsp", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, out.Addr()) })
	web := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	var work sync.WaitGroup
	work.Go(func() { _ = hub.Run(ctx) })
	work.Go(func() { _ = out.Run(ctx) })
	work.Go(func() { _ = web.Serve(l) })
	fmt.Println(l.Addr())
	<-ctx.Done()
	_ = web.Close()
	work.Wait()
	return nil
}

// reel is one camera's film: pictures of the right sizes, not to be decoded, in groups of 50.
type reel struct {
	stream  *gortsplib.ServerStream
	encoder rtph264.Encoder
}

// The parameter sets of x264, baseline, 640 x 360.
var (
	sps = []byte{0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xc8, 0x3c, 0x58, 0xba, 0x80}
	pps = []byte{0x68, 0xce, 0x0f, 0xc8}
)

// projector is the RTSP server of the cameras.
type projector map[string]*reel

func (p projector) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, p[strings.Trim(ctx.Path, "/")].stream, nil
}

func (p projector) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, p[strings.Trim(ctx.Path, "/")].stream, nil
}

func (p projector) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// group is pictures a keyframe, weight how many others it is as large as.
const group, weight, frame = 50, 8, 40 * time.Millisecond

func cameras(ctx context.Context, n, kbit int) error {
	room := projector{}
	server := &gortsplib.Server{Handler: room, RTSPAddress: "127.0.0.1:0", WriteQueueSize: 1024}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Close()
	for i := range n {
		r := &reel{encoder: rtph264.Encoder{PayloadType: 96, PacketizationMode: 1}}
		r.stream = &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: []*description.Media{{Type: description.MediaTypeVideo,
			Formats: []format.Format{&format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: sps, PPS: pps}}}}}}
		if err := errors.Join(r.stream.Initialize(), r.encoder.Init()); err != nil {
			return err
		}
		room[cameraID(i)] = r
	}
	fmt.Println(server.NetListener().Addr())
	size := kbit * 1000 / 8 * int(group*frame/time.Millisecond) / 1000 / (group - 1 + weight)
	var work sync.WaitGroup
	for i := range n {
		r := room[cameraID(i)]
		work.Go(func() { r.play(ctx, size, time.Duration(i)*7*time.Millisecond) })
	}
	work.Wait()
	return nil
}

func (r *reel) play(ctx context.Context, size int, phase time.Duration) {
	began := time.Now().Add(phase)
	key, other := picture(0x65, size*weight), picture(0x41, size)
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * frame)
		if pause(ctx, time.Until(due)) != nil {
			return
		}
		nalus := [][]byte{other}
		if n%group == 0 {
			nalus = [][]byte{sps, pps, key}
		}
		packets, err := r.encoder.Encode(nalus)
		if err != nil {
			return
		}
		for _, p := range packets {
			p.Timestamp = uint32(n) * 3600
			_ = r.stream.WritePacketRTPWithNTP(r.stream.Desc.Medias[0], p, due)
		}
	}
}

func picture(kind byte, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*31 + 1)
	}
	copy(b, []byte{kind, 0x88, 0x84, 0x0a})
	return b
}

// floor is the least relay: it gathers a frame from its RTP packets without looking into them, keeps the last group, and
// writes each frame to each viewer with one call.
func floor(ctx context.Context, room string, n int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	copies := map[string]*tube{}
	for i := range n {
		copies[cameraID(i)] = &tube{}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				line, err := bufio.NewReaderSize(conn, 64).ReadString('\n')
				if c := copies[strings.TrimSpace(line)]; err == nil && c != nil {
					c.add(conn, room, strings.TrimSpace(line))
				}
			}()
		}
	}()
	fmt.Println(l.Addr())
	<-ctx.Done()
	return l.Close()
}

// tube is one camera of the floor.
type tube struct {
	mu      sync.Mutex
	started bool
	group   [][]byte
	viewers []net.Conn
}

func (c *tube) add(conn net.Conn, room, camera string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.group {
		_, _ = conn.Write(f)
	}
	c.viewers = append(c.viewers, conn)
	if !c.started {
		c.started = true
		go c.pull(room, camera)
	}
}

func (c *tube) pull(room, camera string) {
	conn, r, err := dialRTSP(room, camera)
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		return
	}
	defer conn.Close()
	f := make([]byte, 4, 16<<10)
	key := false
	for {
		b, err := interleaved(r)
		if err != nil {
			return
		}
		if len(b) < 13 || b[1]&0x7f != 96 {
			continue // RTCP
		}
		f = append(f, b[12:]...)
		key = key || b[12]&0x1f == 24 // the parameter sets come as an aggregate
		if b[1]&0x80 == 0 {
			continue
		}
		binary.BigEndian.PutUint32(f, uint32(len(f)-4))
		c.mu.Lock()
		if key {
			c.group = c.group[:0]
		}
		if key || len(c.group) > 0 {
			c.group = append(c.group, f)
			alive := c.viewers[:0]
			for _, v := range c.viewers {
				if _, err := v.Write(f); err == nil {
					alive = append(alive, v)
				}
			}
			c.viewers = alive
		}
		c.mu.Unlock()
		f, key = make([]byte, 4, len(f)+2048), false
	}
}

// interleaved reads one packet of RTP over TCP; it is the reader's until the next.
func interleaved(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	if head[0] != '$' {
		return nil, errRefused
	}
	n := 4 + int(binary.BigEndian.Uint16(head[2:]))
	b, err := r.Peek(n)
	if err != nil {
		return nil, err
	}
	_, err = r.Discard(n)
	return b[4:], err
}

// answer reads a response and returns its session.
func answer(r *bufio.Reader) (session string, err error) {
	t := textproto.NewReader(r)
	status, err := t.ReadLine()
	if err != nil {
		return "", err
	}
	head, err := t.ReadMIMEHeader()
	if err != nil {
		return "", err
	}
	n, _ := strconv.Atoi(head.Get("Content-Length"))
	if _, err := r.Discard(n); err != nil {
		return "", err
	}
	if !strings.HasPrefix(status, "RTSP/1.0 200") {
		return "", fmt.Errorf("%w: %s", errRefused, status)
	}
	session, _, _ = strings.Cut(head.Get("Session"), ";")
	return session, nil
}
