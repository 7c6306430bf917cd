package api

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"gridwall/dashboard/access"
)

// playLink answers with addresses of one camera's pictures for players that do not sign in.
func (s *Server) playLink(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	in := struct {
		Seconds int `json:"ttl_s"`
	}{int(access.LinkTTL / time.Second)}
	if r.ContentLength != 0 {
		if err := decode(w, r, 4<<10, &in); err != nil {
			return err
		}
	}
	most := int(access.MaxLinkTTL / time.Second)
	if in.Seconds < 10 || in.Seconds > most {
		return badRequest("ttl_invalid", fmt.Sprintf("有效期 ttl_s 应为 10 至 %d 秒", most), fmt.Sprintf("ttl_s is from 10 to %d seconds", most))
	}
	token, expires, err := s.Access.NewLink(r.Context(), who, c.ID, time.Duration(in.Seconds)*time.Second)
	if err != nil {
		return err
	}
	scheme := "http"
	if secure(r) {
		scheme = "https"
	}
	base, rtsp := scheme+"://"+r.Host, ""
	if s.RTSP != nil {
		rtsp = s.rtspHost(r)
	}
	if relay := s.Cameras.RelayOf(c); relay != nil {
		base, rtsp = relay.URL, relay.RTSP
	}
	at := func(path string) string { return base + "/streams/" + c.ID + path + "?token=" + token }
	links := map[string]any{"token": token, "expires_at": expires, "hls": at("/hls/index.m3u8"), "whep": at("/whep"), "mse": at("/mse")}
	if rtsp != "" {
		links["rtsp"] = fmt.Sprintf("rtsp://%s/%s?token=%s", rtsp, c.ID, token)
	}
	return writeJSONCode(w, http.StatusCreated, links)
}

// rtspHost is where RTSP is for whoever asked: the host they used, or the one that is listened at.
func (s *Server) rtspHost(r *http.Request) string {
	host, port, err := net.SplitHostPort(s.RTSP.String())
	if err != nil {
		return s.RTSP.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		u := url.URL{Host: r.Host}
		host = u.Hostname()
	}
	if _, err := strconv.Atoi(port); err != nil {
		return host
	}
	return net.JoinHostPort(host, port)
}
