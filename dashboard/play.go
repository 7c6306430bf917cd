package dashboard

import (
	"context"
	"errors"
	"net/http"

	"gridwall/dashboard/access"
	"gridwall/dashboard/api"
	"gridwall/streams/rtpout"
)

// tokenUser is the user name of RTSP clients whose password is a token; walls and programs have no other.
const tokenUser = "token"

// mayPlay decides for RTSP clients as the route table does for browsers: by a link's token,
// by account and password, or by a token as the password. An account with a second factor has no field for its code there, and
// plays by a token or a link. Each play is on the audit.
func (d *Dashboard) mayPlay(ctx context.Context, from rtpout.Credentials, camera string) (ended func(), err error) {
	who, err := d.identify(ctx, from, camera)
	if errors.Is(err, access.ErrNobody) || errors.Is(err, access.ErrWrongCredentials) || errors.Is(err, access.ErrCodeRequired) || errors.As(err, new(*access.LockedError)) {
		return nil, rtpout.ErrNobody
	}
	if err != nil {
		d.logger.Warn("rtsp client not identified", "error", err)
		return nil, err
	}
	if !who.May(access.CameraPlay) {
		return nil, rtpout.ErrNobody
	}
	c, err := d.cameras.Get(camera, who.May(access.CameraSecret))
	if err != nil {
		return nil, err
	}
	if who.Grid != "" && (c.Grid == nil || !api.Within(d.places.Grids(), who, *c.Grid)) {
		d.plays.Note(who, "refused", "rtsp "+camera, map[string]string{"why": "jurisdiction"})
		return nil, rtpout.ErrNobody
	}
	return d.plays.Begin(who, camera, "rtsp"), nil
}

// mayFollow decides for RTSP clients of a relay: the centre has sent them, with a link.
func (d *Dashboard) mayFollow(ctx context.Context, from rtpout.Credentials, camera string) (ended func(), err error) {
	who, err := d.Access.Follow(ctx, from.Token, camera)
	if errors.Is(err, access.ErrNobody) || err == nil && !who.May(access.CameraPlay) {
		return nil, rtpout.ErrNobody
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.cameras.Get(camera, who.May(access.CameraSecret)); err != nil {
		return nil, err
	}
	return d.plays.Begin(who, camera, "rtsp"), nil
}

// identify: the token of an address is a link's, which is for one camera and expires; lasting tokens are not for addresses,
// which end up in lists and logs, but for the password.
func (d *Dashboard) identify(ctx context.Context, from rtpout.Credentials, camera string) (access.Identity, error) {
	token := ""
	switch {
	case from.Token != "":
		return d.Access.Follow(ctx, from.Token, camera)
	case from.Username == tokenUser:
		token = from.Password
	case from.Username == "":
		return access.Identity{}, access.ErrNobody
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	if err != nil {
		return access.Identity{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
		return d.Access.Identify(request)
	}
	session, who, err := d.Access.SignIn(ctx, from.Username, from.Password, access.From{Agent: "RTSP"})
	if err != nil {
		return access.Identity{}, err
	}
	request.AddCookie(&http.Cookie{Name: access.SessionCookie, Value: session})
	return who, d.Access.SignOut(ctx, request) // the connection is the session
}
