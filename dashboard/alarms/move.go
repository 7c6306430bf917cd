package alarms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
)

// Act is a move that somebody makes.
type Act struct {
	Move   string
	Reason string
	Until  *time.Time // of a shelf
}

// move is a line of the table of moves.
type move struct {
	name   Text
	from   []State
	reason bool // a reason must be given
	set    string
}

// moves are all that people can make. $2 is the time.
var moves = map[string]move{
	"acknowledge": {Text{"确认", "Acknowledge"}, []State{Unacknowledged, Returned}, false, `
		acknowledged_at = $2, escalate_at = NULL,
		state = CASE WHEN active OR chattering THEN 'acknowledged' ELSE 'normal' END,
		ended_at = CASE WHEN active OR chattering THEN NULL ELSE $2::timestamptz END`},
	"shelve": {Text{"搁置", "Shelve"}, []State{Unacknowledged, Acknowledged, Returned}, true, `
		state = 'shelved', escalate_at = NULL`},
	"unshelve": {Text{"取消搁置", "Unshelve"}, []State{Shelved}, false, back},
	"out_of_service": {Text{"停用", "Take out of service"}, []State{Unacknowledged, Acknowledged, Returned, Shelved}, true, `
		state = 'out_of_service', escalate_at = NULL`},
	"return_to_service": {Text{"恢复使用", "Return to service"}, []State{OutOfService}, false, back},
	"clear": {Text{"解除", "Clear"}, []State{Unacknowledged, Acknowledged, Returned}, true, `
		state = 'normal', active = false, acknowledged_at = COALESCE(acknowledged_at, $2), returned_at = $2, ended_at = $2, escalate_at = NULL`},
}

// back is how an alarm comes off a shelf: as new if its condition is there, else it has ended.
const back = `
		state = CASE WHEN active THEN 'unacknowledged' ELSE 'normal' END, ended_at = CASE WHEN active THEN NULL ELSE $2::timestamptz END,
		acknowledged_at = NULL, raised_at = CASE WHEN active THEN $2 ELSE raised_at END`

const applyMove = `
UPDATE alarm SET %s, shelved_until = $3, changed_at = $2, version = version + 1
WHERE id = $1`

const lockByID = `SELECT state, priority, source, active FROM alarm WHERE id = $1 FOR UPDATE`

// Move lets somebody make a move and returns the alarm as it stands then, with the number of the event.
//
// Errors: ErrNotFound; *InvalidError for what the request lacks; *RefusedError for a role or a state that does not permit it.
func (r *Room) Move(ctx context.Context, who access.Identity, id int64, act Act) (a *Alarm, seq int64, err error) {
	m, known := moves[act.Move]
	if !known {
		return nil, 0, invalid("unknown_move", fmt.Sprintf("没有操作“%s”：可用 acknowledge、shelve、unshelve、out_of_service、return_to_service、clear", act.Move),
			fmt.Sprintf("there is no move %q: acknowledge, shelve, unshelve, out_of_service, return_to_service, clear", act.Move))
	}
	now := r.Clock.Now()
	act.Reason = strings.TrimSpace(act.Reason)
	if err := act.check(m, now); err != nil {
		return nil, 0, err
	}
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		var state State
		var priority Priority
		var source Source
		var active bool
		err := tx.QueryRow(ctx, lockByID, id).Scan(&state, &priority, &source, &active)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := permit(act.Move, m, who, state, priority, source); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf(applyMove, m.set), id, now, act.Until); err != nil {
			return err
		}
		if err := note(ctx, tx, id, act.Move, now, person(who), act.Reason); err != nil {
			return err
		}
		alarms, last, err := r.tell(ctx, tx, []int64{id}, now)
		if err == nil {
			a, seq = alarms[0], last
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("alarm %d, %s: %w", id, act.Move, err)
	}
	return a, seq, nil
}

// check says what the request lacks.
func (act *Act) check(m move, now time.Time) error {
	switch {
	case m.reason && act.Reason == "":
		return invalid("reason_missing", fmt.Sprintf("%s须写明原因 reason", m.name.ZH), fmt.Sprintf("“%s” needs a reason", m.name.EN))
	case len([]rune(act.Reason)) > 500:
		return invalid("text_too_long", "原因不超过 500 字", "at most 500 characters of reason")
	case strings.ContainsRune(act.Reason, 0):
		return invalid("text_invalid", "文字中含有空字符", "the text holds a NUL character")
	case act.Move != "shelve":
		act.Until = nil
		return nil
	case act.Until == nil:
		return invalid("until_missing", "搁置须给出到期时间 until（RFC 3339），最长 8 小时", "shelving needs until (RFC 3339), at most 8 hours from now")
	case !act.Until.After(now):
		return invalid("until_past", "到期时间 until 须晚于现在", "until must lie after now")
	case act.Until.Sub(now) > longestShelf:
		latest := now.Add(longestShelf).Format(time.RFC3339)
		return invalid("shelf_too_long", "搁置最长 8 小时：until 不得晚于 "+latest, "a shelf lasts 8 hours at most: until is no later than "+latest)
	}
	return nil
}

// permit says whether who may make the move of an alarm that stands so.
func permit(name string, m move, who access.Identity, state State, priority Priority, source Source) error {
	switch {
	case who.Role == access.Integrator && source != Camera && source != Group && source != Screen:
		return &RefusedError{Text{"集成员只处理摄像机和大屏的报警", "an integrator acts on alarms of cameras and screens only"}, true}
	case name == "shelve" && priority == High:
		return &RefusedError{Text{"高级报警不能搁置或静音：请确认并处置", "a high alarm cannot be shelved or muted: acknowledge it and act"}, false}
	case name == "out_of_service" && priority == High && who.Role != access.DutyLeader && who.Role != access.Admin:
		return &RefusedError{Text{"高级报警由值班长停用", "a high alarm is taken out of service by the duty leader"}, true}
	case name == "clear" && source != SOS:
		return &RefusedError{Text{"只有求助可以人工解除：其他报警随条件消失而恢复", "only a call for help is cleared by hand: other alarms return when their condition is gone"}, false}
	case !slices.Contains(m.from, state):
		return &RefusedError{Text{fmt.Sprintf("报警处于“%s”，不能%s", stateNames[state].ZH, m.name.ZH), fmt.Sprintf("the alarm is %s: it cannot be moved by “%s”", stateNames[state].EN, m.name.EN)}, false}
	}
	return nil
}

var stateNames = map[State]Text{
	Unacknowledged: {"未确认", "unacknowledged"}, Acknowledged: {"已确认", "acknowledged"}, Returned: {"已恢复未确认", "returned and unacknowledged"},
	Shelved: {"已搁置", "shelved"}, OutOfService: {"已停用", "out of service"}, Normal: {"已结束", "over"},
}
