package onvif

import (
	"errors"
	"fmt"
)

// What a caller decides on. Errors of the network come back wrapped as they are, rtsp.ErrForbidden among them.
var (
	// ErrBadURL: the device's address is not http:// or https:// with a host.
	ErrBadURL = errors.New("onvif: address must be http://host[:port]/onvif/device_service or https://…")
	// ErrUnauthorized: the device refuses user or password, or wants one and has none.
	ErrUnauthorized = errors.New("onvif: camera refuses the credentials")
	// ErrAnswer: the device's answer is no XML, no SOAP, or not the one that was asked for.
	ErrAnswer = errors.New("onvif: camera answers in a way that cannot be read")
	// ErrTooLarge: the answer is larger than any that makes sense.
	ErrTooLarge = errors.New("onvif: camera's answer is too large")
	// ErrRedirect: the device points to another host. Credentials do not follow.
	ErrRedirect = errors.New("onvif: camera redirects to another host")
	// ErrNoService: the device does not have the service, PTZ for example.
	ErrNoService = errors.New("onvif: camera does not have this service")
	// ErrNoPosition: the head does not say where it looks.
	ErrNoPosition = errors.New("onvif: camera does not tell where it looks")
)

// FaultError is a SOAP fault: the device understood and declines.
type FaultError struct {
	Code   string // the innermost subcode without its prefix: NoPTZProfile, InvalidPosition, …
	Reason string // at most maxReason bytes
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("onvif: camera declines: %s (%s)", e.Reason, e.Code)
}

// maxReason bounds the words of a device in an error.
const maxReason = 200
