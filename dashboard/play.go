package dashboard

import (
	"context"
	"errors"
	"net/http"

	"gridwall/dashboard/access"
	"gridwall/streams/rtpout"
)

// tokenUser is the user name of RTSP clients whose password is a token; walls and programs have no other.
const tokenUser = "token"

// mayPlay decides for RTSP clients as the route table does for browsers: by account and password, or by a token.
func (d *Dashboard) mayPlay(ctx context.Context, from rtpout.Credentials, camera string) error {
	who, err := d.identify(ctx, from)
	if errors.Is(err, access.ErrNobody) || errors.Is(err, access.ErrWrongCredentials) {
		return rtpout.ErrNobody
	}
	if err != nil {
		d.logger.Warn("rtsp client not identified", "error", err)
		return err
	}
	if !who.May(access.CameraPlay) {
		return rtpout.ErrNobody
	}
	_, err = d.cameras.Get(camera, who.Role != access.Wall)
	return err
}

func (d *Dashboard) identify(ctx context.Context, from rtpout.Credentials) (access.Identity, error) {
	token := from.Token
	if from.Username == tokenUser {
		token = from.Password
	}
	if token == "" && from.Username == "" {
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
	session, who, err := d.Access.SignIn(ctx, from.Username, from.Password)
	if err != nil {
		return access.Identity{}, err
	}
	request.AddCookie(&http.Cookie{Name: access.SessionCookie, Value: session})
	return who, d.Access.SignOut(ctx, request) // the connection is the session
}
