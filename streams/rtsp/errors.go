package rtsp

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
)

// What a caller decides on. Everything else is a network error and comes back wrapped as it is.
var (
	// ErrUnauthorized: the camera refuses user or password (401, 403), or wants one and has none.
	ErrUnauthorized = errors.New("rtsp: camera refuses the credentials")
	// ErrSession: the camera knows nothing of the session that it has just given (454).
	ErrSession = errors.New("rtsp: camera has lost the session")
	// ErrNotFound: the camera answers but has no such path (404, 410).
	ErrNotFound = errors.New("rtsp: camera has no such path")
	// ErrBadURL: the camera's address is not rtsp:// or rtsps:// with a host.
	ErrBadURL = errors.New("rtsp: address must be rtsp://host[:port]/path or rtsps://…")
	// ErrBadSDP: the camera's description cannot be read.
	ErrBadSDP = errors.New("rtsp: camera describes itself in a way that cannot be read")
	// ErrTimeout: the connection is up but nothing came for Source's read timeout.
	ErrTimeout = errors.New("rtsp: camera sends nothing")
	// ErrForbidden: the camera's address is none that may be dialled.
	ErrForbidden = errors.New("rtsp: camera is in a network that is not allowed")
	// ErrCertificate: the camera's certificate is not trusted.
	ErrCertificate = errors.New("rtsp: camera's certificate is not trusted")
	// ErrRedirect: the camera points to another host. Credentials do not follow.
	ErrRedirect = errors.New("rtsp: camera redirects to another host")
)

// CodecError tells that the camera has no video that this source can carry.
type CodecError struct {
	Codec string // as in the description: "JPEG", "MP4V-ES", …; empty: no video at all
}

func (e *CodecError) Error() string {
	if e.Codec == "" {
		return "rtsp: camera describes no video"
	}
	return fmt.Sprintf("rtsp: video is %s, set the camera to H.264 or H.265", e.Codec)
}

// errTransport: the camera does not do TCP.
var errTransport = errors.New("rtsp: camera refuses the transport")

// classify gives the errors of the RTSP client the names above.
func classify(err error) error {
	var status liberrors.ErrClientBadStatusCode
	var sdp liberrors.ErrClientSDPInvalid
	var auth liberrors.ErrClientAuthSetup
	var udp liberrors.ErrClientUDPTimeout
	var certificate *tls.CertificateVerificationError
	var tcp liberrors.ErrClientTCPTimeout
	var contentType liberrors.ErrClientContentTypeMissing
	var contentTypeOther liberrors.ErrClientContentTypeUnsupported
	switch {
	case errors.As(err, &status):
		switch status.Code {
		case base.StatusUnauthorized, base.StatusForbidden:
			return ErrUnauthorized
		case base.StatusNotFound, base.StatusGone:
			return ErrNotFound
		case base.StatusSessionNotFound:
			return ErrSession
		case base.StatusUnsupportedTransport:
			return errTransport
		}
	case errors.As(err, &auth):
		return fmt.Errorf("%w: %v", ErrUnauthorized, err)
	case errors.As(err, &sdp), errors.As(err, &contentType), errors.As(err, &contentTypeOther):
		return fmt.Errorf("%w: %v", ErrBadSDP, err)
	case errors.As(err, &tcp), errors.As(err, &udp):
		return ErrTimeout
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: %v", ErrCertificate, err)
	}
	return err
}
