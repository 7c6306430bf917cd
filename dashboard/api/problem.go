package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"gridwall/dashboard/access"
	"gridwall/dashboard/alarms"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cases"
	"gridwall/dashboard/evaluation"
	"gridwall/dashboard/grids"
	"gridwall/dashboard/layers"
	"gridwall/dashboard/live"
	"gridwall/dashboard/persons"
	"gridwall/dashboard/ptz"
	"gridwall/dashboard/roster"
	"gridwall/dashboard/wall"
	"gridwall/geo/basemap"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/geo/tile"
	"gridwall/streams"
	"gridwall/streams/hls"
	"gridwall/streams/whep"
)

// problem is RFC 9457's body with a stable code.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	// Standing is what stands in the way of a change, for conflicts.
	Standing any `json:"standing,omitempty"`
}

var errNoRoute = errors.New("api: no such address")

// methodError says that an address knows other methods than the one that was asked.
type methodError struct{ allow string }

func (e *methodError) Error() string { return "this address takes " + e.allow }

type requestError struct{ code, zh, en string }

func (e *requestError) Error() string { return e.en }

func badRequest(code, zh, en string) error { return &requestError{code, zh, en} }

type unavailableError struct{ code, zh, en string }

func (e *unavailableError) Error() string { return e.en }

type forbiddenError struct {
	role  access.Role
	right access.Right
}

func (e *forbiddenError) Error() string {
	return fmt.Sprintf("role %s lacks the right %s", e.role, e.right)
}

type conflictError struct {
	error
	standing any
}

// said is one sentence in both languages.
type said struct{ zh, en string }

// problem answers err. Everything that it does not know is a 500 whose cause stays in the log.
func (s *Server) problem(w *recorder, r *http.Request, err error) {
	if w.wrote {
		return
	}
	status, code, words, standing := s.explain(err)
	if status == http.StatusInternalServerError {
		if errors.Is(r.Context().Err(), context.Canceled) {
			return // the client went away
		}
		s.Log.Error("request failed", "route", r.Pattern, "error", err)
	}
	if status == http.StatusUnauthorized && wantsPage(r) {
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	detail := words.zh
	if english(r) {
		detail = words.en
	}
	text, unsaid := json.Marshal(problem{"about:blank", http.StatusText(status), status, code, detail, standing})
	if unsaid != nil {
		s.Log.Error("problem not encoded", "error", unsaid)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	var often *tooManyError
	var locked *access.LockedError
	var method *methodError
	switch {
	case errors.As(err, &method):
		w.Header().Set("Allow", method.allow)
	case errors.As(err, &often):
		w.Header().Set("Retry-After", strconv.Itoa(int(often.wait.Seconds())+1))
	case errors.As(err, &locked):
		w.Header().Set("Retry-After", strconv.Itoa(int(time.Until(locked.Until).Seconds())+1))
	}
	w.WriteHeader(status)
	w.Write(text)
}

// explain is the only place that knows which error is which status.
func (s *Server) explain(err error) (status int, code string, words said, standing any) {
	var request *requestError
	var unavailable *unavailableError
	var forbidden *forbiddenError
	var invalid *cases.InvalidError
	var refused *cases.RefusedError
	var camera *cameras.InvalidError
	var alarm *alarms.InvalidError
	var kept *alarms.RefusedError
	var dark *streams.UnavailableError
	var appraisal *evaluation.InvalidError
	var conflict *conflictError
	var foreign *outsideError
	var locked *access.LockedError
	var often *tooManyError
	var method *methodError
	var tooLarge *http.MaxBytesError
	var format *layers.FormatError
	var held *ptz.RefusedError
	var busy *ptz.BusyError
	var mount *ptz.InvalidError
	var head *ptz.FailedError
	var draft *grid.DraftError
	var outside *grid.OutsideError
	var faults *grids.FaultsError
	var scene *wall.InvalidError
	var driven *wall.HeldError
	var file *importer.FileError
	var flow *cases.FlowError
	var stored *pgconn.PgError
	var record *persons.InvalidError
	switch {
	case errors.As(err, &stored) && (stored.Code == "22021" || stored.Code == "22P05"): // a NUL, or what is no UTF-8
		return http.StatusBadRequest, "text_invalid", said{"内容含有无效字符", "it holds a character that is none"}, nil
	case errors.As(err, &flow):
		return http.StatusUnprocessableEntity, "flow_invalid", said{"流程文件有误：" + flow.Error(), flow.Error()}, nil
	case errors.Is(err, access.ErrNobody):
		return http.StatusUnauthorized, "not_signed_in", said{"请先登录", "sign in first"}, nil
	case errors.Is(err, access.ErrWrongCredentials):
		return http.StatusUnauthorized, "wrong_credentials", said{"用户名或密码不正确", "wrong username or password"}, nil
	case errors.Is(err, access.ErrCodeRequired):
		return http.StatusUnauthorized, "code_required", said{"请输入动态口令", "enter the code of your second factor"}, nil
	case errors.Is(err, access.ErrWrongCode):
		return http.StatusUnauthorized, "wrong_code", said{"动态口令不正确或已使用，请等下一个", "the code is wrong or was used before: wait for the next one"}, nil
	case errors.Is(err, access.ErrNoFactor):
		return http.StatusConflict, "no_factor", said{"没有可确认或关闭的动态口令", "there is no second factor to confirm or remove"}, nil
	case errors.Is(err, access.ErrFactorStands):
		return http.StatusConflict, "factor_stands", said{"已启用动态口令，请先关闭", "there is a second factor already: remove it first"}, nil
	case errors.Is(err, access.ErrNoEnrolment), errors.Is(err, access.ErrNoDevice):
		return http.StatusNotFound, "not_found", said{"没有找到，或已失效", "not found, or no longer good"}, nil
	case errors.Is(err, access.ErrNoWall):
		return http.StatusUnprocessableEntity, "wall_unknown", said{"没有这面墙", "there is no such wall"}, nil
	case errors.Is(err, access.ErrTooManyWait):
		return http.StatusServiceUnavailable, "too_many_wait", said{"等待登记的屏幕过多，请稍后再试", "too many screens wait: try again later"}, nil
	case errors.As(err, &forbidden):
		return http.StatusForbidden, "not_permitted", said{fmt.Sprintf("当前角色没有权限 %s", forbidden.right), fmt.Sprintf("your role lacks the right %s", forbidden.right)}, nil
	case errors.As(err, &locked):
		wait := time.Until(locked.Until).Seconds() + 1
		return http.StatusTooManyRequests, "locked", said{fmt.Sprintf("口令错误次数过多，该账号名已锁定，请 %.0f 秒后再试", wait), fmt.Sprintf("too many wrong passwords: this name is locked, try again in %.0f s", wait)}, nil
	case errors.Is(err, access.ErrCommonPassword):
		return http.StatusBadRequest, "password_common", said{"这个密码太常见，或只是账号名，请换一个", "this password is one of the first that are tried, or just your name: choose another one"}, nil
	case errors.Is(err, access.ErrSamePassword):
		return http.StatusBadRequest, "password_same", said{"新口令与旧口令相同", "the new password is the old one"}, nil
	case errors.Is(err, access.ErrNoSession):
		return http.StatusNotFound, "not_found", said{"没有找到", "not found"}, nil
	case errors.As(err, &often):
		return http.StatusTooManyRequests, "too_many_requests", said{fmt.Sprintf("过于频繁，请 %.0f 秒后再试", often.wait.Seconds()+1), fmt.Sprintf("too often: try again in %.0f s", often.wait.Seconds()+1)}, nil
	case errors.As(err, &foreign):
		return http.StatusForbidden, "outside_jurisdiction", said{"不在您的管辖网格内；此次访问已记入审计", "outside your jurisdiction; this is on the audit"}, nil
	case errors.As(err, &request):
		return http.StatusBadRequest, request.code, said{request.zh, request.en}, nil
	case errors.As(err, &file):
		return http.StatusUnprocessableEntity, "file_refused", said{file.In("zh"), file.In("en")}, nil
	case errors.Is(err, crs.ErrNoDatum):
		return http.StatusBadRequest, "datum_missing", said{"请选择坐标系：wgs84、cgcs2000、gcj02（高德、腾讯）或 bd09（百度）", "name the datum: wgs84, cgcs2000, gcj02 or bd09"}, nil
	case errors.As(err, &format):
		return http.StatusBadRequest, "format_refused", said{format.Reason.Zh, format.Reason.En}, nil
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, "body_too_large", said{fmt.Sprintf("请求不超过 %d 字节", tooLarge.Limit), fmt.Sprintf("a request here has at most %d bytes", tooLarge.Limit)}, nil
	case errors.As(err, &invalid):
		return http.StatusUnprocessableEntity, invalid.Code, said{invalid.Reason.ZH, invalid.Reason.EN}, nil
	case errors.As(err, &refused) && refused.Role:
		return http.StatusForbidden, "not_permitted", said{refused.Reason.ZH, refused.Reason.EN}, nil
	case errors.As(err, &refused):
		return http.StatusConflict, "move_refused", said{refused.Reason.ZH, refused.Reason.EN}, nil
	case errors.Is(err, cases.ErrKeyReused), errors.Is(err, alarms.ErrKeyReused):
		return http.StatusConflict, "key_reused", said{"该 Idempotency-Key 已用于另一份上报", "this Idempotency-Key was used for another report"}, nil
	case errors.As(err, &alarm):
		return http.StatusUnprocessableEntity, alarm.Code, said{alarm.Reason.ZH, alarm.Reason.EN}, nil
	case errors.As(err, &kept) && kept.Role:
		return http.StatusForbidden, "not_permitted", said{kept.Reason.ZH, kept.Reason.EN}, nil
	case errors.As(err, &kept):
		return http.StatusConflict, "move_refused", said{kept.Reason.ZH, kept.Reason.EN}, nil
	case errors.As(err, &camera):
		return http.StatusUnprocessableEntity, "camera_invalid", said{camera.Reason.ZH, camera.Reason.EN}, nil
	case errors.As(err, &mount):
		return http.StatusUnprocessableEntity, "ptz_invalid", said{mount.Reason.ZH, mount.Reason.EN}, nil
	case errors.As(err, &busy):
		return http.StatusConflict, "ptz_busy", said{busy.Driver.Name + " 正在控制", busy.Driver.Name + " drives"}, busy.Driver
	case errors.As(err, &held):
		return http.StatusConflict, "ptz_refused", said{held.Reason.ZH, held.Reason.EN}, nil
	case errors.As(err, &head):
		return http.StatusServiceUnavailable, "ptz_failed", said{head.Reason.ZH, head.Reason.EN}, nil
	case errors.Is(err, ptz.ErrNoHead):
		return http.StatusNotFound, "no_head", said{"该摄像机不是球机", "this camera does not turn"}, nil
	case errors.Is(err, wall.ErrInvalid):
		return http.StatusUnprocessableEntity, "wall_invalid", said{"标题须有中英文，最多 96 路摄像机，轮巡时长 5 至 86400 秒", "title in zh and en, at most 96 cameras, dwell_s from 5 to 86400"}, nil
	case errors.As(err, &scene):
		return http.StatusUnprocessableEntity, scene.Code, said{scene.Reason.ZH, scene.Reason.EN}, nil
	case errors.As(err, &driven):
		return http.StatusConflict, "wall_held", said{driven.Holder.Name + " 正在控制大屏", driven.Holder.Name + " drives the wall"}, driven.Holder
	case errors.As(err, &appraisal):
		return http.StatusUnprocessableEntity, "evaluation_invalid", said{appraisal.Reason.ZH, appraisal.Reason.EN}, nil
	case errors.As(err, &conflict):
		return http.StatusConflict, "revision_conflict", said{"已被他人修改，请在新版本上重试", "somebody else changed it: start from the revision that stands"}, conflict.standing
	case errors.As(err, &draft):
		return http.StatusUnprocessableEntity, "draft_invalid", said{draft.Zh, draft.En}, nil
	case errors.As(err, &faults):
		return http.StatusUnprocessableEntity, "draft_faulty", said{fmt.Sprintf("还有 %d 处缝隙、重叠或越界，未保存", len(faults.Faults)), fmt.Sprintf("not saved: %d gaps, overlaps or parts outside are left", len(faults.Faults))}, faultsOf(faults.Faults)
	case errors.Is(err, grids.ErrNothing):
		return http.StatusUnprocessableEntity, "draft_empty", said{"没有改动", "the draft changes nothing"}, nil
	case errors.Is(err, grids.ErrPast):
		return http.StatusUnprocessableEntity, "date_past", said{"生效日期应为今天或以后（如 2026-01-31）", "the day is today or later, like 2026-01-31"}, nil
	case errors.As(err, &outside):
		return http.StatusNotFound, "outside_grids", said{fmt.Sprintf("位置不在任何网格内，最近的是%s，%.0f 米", outside.Nearest.Name, outside.DistanceM), fmt.Sprintf("the point lies outside every grid; the nearest is %s, %.0f m away", outside.Nearest.Name, outside.DistanceM)}, nearestOf(outside)
	case errors.Is(err, grid.ErrOutside):
		return http.StatusNotFound, "outside_grids", said{"位置不在任何网格内", "the point lies outside every grid"}, nil
	case errors.As(err, &record):
		return http.StatusUnprocessableEntity, record.Code, said{record.ZH, record.EN}, nil
	case errors.Is(err, persons.ErrOff):
		return http.StatusNotFound, "persons_off", said{"本站未启用人员关爱档案", "this site keeps no records of persons"}, nil
	case errors.Is(err, persons.ErrOverdue):
		return http.StatusConflict, "review_overdue", said{"已过复核日期：请先复核是否仍有必要，再查看", "the day of review has passed: say first that the record is still needed"}, nil
	case errors.Is(err, basemap.ErrAway):
		return http.StatusServiceUnavailable, "basemap_away", said{"底图服务没有给出图片", "the server of the base map gave no picture"}, nil
	case errors.Is(err, basemap.ErrNoTile):
		return http.StatusNotFound, "not_found", said{"没有找到", "not found"}, nil
	case errors.Is(err, persons.ErrNotFound), errors.Is(err, cases.ErrNotFound), errors.Is(err, roster.ErrNotFound), errors.Is(err, alarms.ErrNotFound), errors.Is(err, cameras.ErrNotFound), errors.Is(err, wall.ErrNotFound), errors.Is(err, tile.ErrNoLayer), errors.Is(err, tile.ErrNoTile), errors.Is(err, layers.ErrNoLayer),
		errors.Is(err, whep.ErrNoSession), errors.Is(err, hls.ErrNoFile), errors.Is(err, errNoRoute):
		return http.StatusNotFound, "not_found", said{"没有找到", "not found"}, nil
	case errors.As(err, &method):
		return http.StatusMethodNotAllowed, "method_not_allowed", said{"此地址只接受 " + method.allow, "this address takes " + method.allow}, nil
	case errors.Is(err, streams.ErrUnknownCamera): // in the registry, or the handler had not come so far
		return http.StatusServiceUnavailable, "camera_off", said{"摄像机已停用，或其口令无法启封", "the camera is disabled, or its credentials cannot be opened"}, nil
	case errors.As(err, &dark):
		return http.StatusServiceUnavailable, "camera_" + string(dark.Status.State), said{cmp.Or(dark.Status.Reason.Zh, dark.Status.State.Text().Zh), cmp.Or(dark.Status.Reason.En, dark.Status.State.Text().En)}, nil
	case errors.Is(err, whep.ErrBadOffer):
		return http.StatusBadRequest, "offer_invalid", said{"SDP 无法使用：" + err.Error(), err.Error()}, nil
	case errors.Is(err, whep.ErrNoCodec):
		return http.StatusUnsupportedMediaType, "no_common_codec", said{"此浏览器不能通过 WebRTC 播放这路视频（H.265 或含 B 帧）：请改用 MSE，或在摄像机上改为不含 B 帧的 H.264", err.Error() + "; use MSE, or set the camera to H.264 without B-frames"}, nil
	case errors.Is(err, whep.ErrBusy):
		return http.StatusServiceUnavailable, "too_many_viewers", said{"播放会话已满，请稍后再试", "no more sessions can be opened now"}, nil
	case errors.Is(err, live.ErrBusy):
		return http.StatusServiceUnavailable, "busy", said{"系统繁忙，未写入，请稍后重试", "the centre is busy: nothing was written, try again"}, nil
	case errors.Is(err, live.ErrUnknown):
		return http.StatusServiceUnavailable, "outcome_unknown", said{"数据库中断，无法确定是否已写入：请用同一 Idempotency-Key 重发", "the database went away and it is not known whether this was written: repeat it with the same Idempotency-Key"}, nil
	case errors.Is(err, live.ErrFull):
		return http.StatusServiceUnavailable, "too_many_clients", said{"实时连接已满，请稍后再试", "as many clients follow as may: try again later"}, nil
	case errors.Is(err, live.ErrOrigin):
		return http.StatusForbidden, "origin_refused", said{"该来源的网页不能接收实时数据", "pages of this origin may not follow"}, nil
	case errors.As(err, &unavailable):
		return http.StatusServiceUnavailable, unavailable.code, said{unavailable.zh, unavailable.en}, nil
	case away(err):
		return http.StatusServiceUnavailable, "database_away", said{"数据库暂时不可用，请稍后重试", "the database is away: try again"}, nil
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "too_slow", said{"处理超时，请重试", "this took too long: try again"}, nil
	}
	return http.StatusInternalServerError, "internal", said{"服务器内部错误，已记入日志", "internal error; the log has the cause"}, nil
}

// idleInTransaction is the SQLSTATE of a transaction that was ended because its client stood still in it.
const idleInTransaction = "25P03"

// away says whether an error is the loss of the database, which comes back: it cannot be reached, shuts down, starts up, gave
// up on a transaction (a deadlock; a node that stood still in the middle of one), or the connection broke.
func away(err error) bool {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	var op *net.OpError
	switch {
	case errors.As(err, &connect):
		return true
	case errors.As(err, &pg):
		return slices.Contains([]string{"08", "40", "53", "57", "58"}, pg.Code[:2]) || pg.Code == idleInTransaction
	}
	return errors.As(err, &op) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed)
}

// wantsPage says whether a person's browser asks for a page.
func wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/api/")
}

// english says whether the client prefers English; Chinese is the default.
func english(r *http.Request) bool {
	for tag := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag = strings.ToLower(strings.TrimSpace(tag))
		switch {
		case strings.HasPrefix(tag, "zh"):
			return false
		case strings.HasPrefix(tag, "en"):
			return true
		}
	}
	return false
}
