package streams

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"gridwall/streams/rtsp"
)

// State is what is known of a camera. The words for people are in State.Text.
type State string

const (
	Unknown    State = "unknown"     // 未检测: not looked at yet
	Online     State = "online"      // 在线: answered the last probe, nobody watches
	Connecting State = "connecting"  // 连接中: somebody watches, no picture yet
	Live       State = "live"        // 播放中: pictures arrive
	Offline    State = "offline"     // 不可达: no connection, no such path, unreadable description
	AuthFailed State = "auth_failed" // 认证失败
	NoKeyframe State = "no_keyframe" // 无关键帧: data arrives but nothing that a decoder can start with
	WrongCodec State = "wrong_codec" // 编码不支持
	Frozen     State = "frozen"      // 画面冻结: pictures arrive and are all the same
	Late       State = "late"        // 延迟: pictures come too slowly, or the clock is wrong
	Stalled    State = "stalled"     // 画面停滞: connected, but no frame for Config.Stall
)

// States in the order in which lists and metrics show them.
var States = []State{Unknown, Online, Connecting, Live, Offline, AuthFailed, NoKeyframe, WrongCodec, Frozen, Late, Stalled}

// Up tells whether the camera counts as online.
func (s State) Up() bool { return s == Online || s == Connecting || s == Live || s == Late }

// Plays tells whether the camera gives pictures, whatever is wrong with them.
func (s State) Plays() bool { return s.Up() || s == Frozen }

// Text is a sentence for people in both languages.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// Text is the state's name.
func (s State) Text() Text {
	switch s {
	case Online:
		return Text{"在线", "online"}
	case Connecting:
		return Text{"连接中", "connecting"}
	case Live:
		return Text{"播放中", "live"}
	case Offline:
		return Text{"不可达", "unreachable"}
	case AuthFailed:
		return Text{"认证失败", "authentication failed"}
	case NoKeyframe:
		return Text{"无关键帧", "no keyframe"}
	case WrongCodec:
		return Text{"编码不支持", "codec not supported"}
	case Frozen:
		return Text{"画面冻结", "picture frozen"}
	case Late:
		return Text{"延迟", "late"}
	case Stalled:
		return Text{"画面停滞", "picture stalled"}
	}
	return Text{"未检测", "not checked"}
}

// Status of one camera. It holds no address and no credentials.
type Status struct {
	State  State
	Reason Text      // why; empty for unknown, online, connecting and live
	Since  time.Time // when the state or its reason changed; zero while unknown from the start
}

// UnavailableError says that a camera cannot be played now, and why in words.
type UnavailableError struct {
	Camera string
	Status Status
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("camera %s is %s: %s", e.Camera, e.Status.State, e.Status.Reason.En)
}

// diagnose says what a failed pull or probe means. The table is asked from top to bottom.
func diagnose(err error) (State, Text) {
	var codec *rtsp.CodecError
	var dns *net.DNSError
	switch {
	case errors.Is(err, rtsp.ErrUnauthorized):
		return AuthFailed, Text{"用户名或密码不正确", "user name or password is wrong"}
	case errors.As(err, &codec) && codec.Codec == "":
		return WrongCodec, Text{"摄像机没有视频码流", "the camera offers no video"}
	case errors.As(err, &codec):
		return WrongCodec, Text{
			"视频编码为 " + codec.Codec + ",请在摄像机上改为 H.264 或 H.265",
			"the video is " + codec.Codec + "; set the camera to H.264 or H.265",
		}
	case errors.Is(err, rtsp.ErrNoKeyframe):
		return NoKeyframe, Text{"没有收到关键帧,请在摄像机上缩短关键帧间隔", "no keyframe came; shorten the camera's keyframe interval"}
	case errors.Is(err, rtsp.ErrTimeout):
		return Stalled, Text{"已连接,但长时间没有画面数据", "connected, but no picture data for a long time"}
	case errors.Is(err, rtsp.ErrSession):
		return Offline, Text{"摄像机丢失了会话，正在重新建立；反复出现时请重启摄像机", "the camera has lost the session, which is set up anew; restart the camera if it happens again and again"}
	case errors.Is(err, rtsp.ErrNotFound):
		return Offline, Text{"摄像机上没有这一路视频,请检查地址路径", "the camera has no such video; check the path of its address"}
	case errors.Is(err, rtsp.ErrBadSDP):
		return Offline, Text{"摄像机的视频描述(SDP)无法解析", "the camera's video description (SDP) cannot be read"}
	case errors.Is(err, rtsp.ErrBadURL):
		return Offline, Text{"摄像机地址不正确,应为 rtsp://主机[:端口]/路径", "the camera's address is wrong; it must be rtsp://host[:port]/path"}
	case errors.Is(err, rtsp.ErrForbidden):
		return Offline, Text{"摄像机地址不在允许的网段内，请联系管理员把网段加入 camera-networks", "the camera's address is in no allowed network; have an administrator add it to camera-networks"}
	case errors.Is(err, rtsp.ErrCertificate):
		return Offline, Text{"摄像机的证书不受信任，请把签发它的证书加入 camera-ca", "the camera's certificate is not trusted; add the one that signed it to camera-ca"}
	case errors.Is(err, rtsp.ErrRedirect):
		return Offline, Text{"摄像机转向了另一台主机,请直接填写那台主机的地址", "the camera redirects to another host; enter that host's address"}
	case errors.As(err, &dns):
		return Offline, Text{"主机名无法解析", "the host name cannot be resolved"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Offline, Text{"连接被拒绝", "connection refused"}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Offline, Text{"网络不通", "no route to the camera"}
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err), errors.Is(err, errProbeTimeout):
		return Offline, Text{"连接超时", "connection timed out"}
	}
	return Offline, Text{"摄像机断开了连接", "the camera closed the connection"}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
