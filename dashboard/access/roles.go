// Package access says who may come in and what each may do: accounts, sessions, tokens of programs, and walls as devices.
//
// The life of a request: Room.Identify finds who it is from the bearer token or the cookies, the route table of the
// room api names the right it needs, and Identity.May answers from the one table below.
package access

import "slices"

// Role is what an account is for. The names are those of the centre.
type Role string

const (
	Admin      Role = "admin"
	Operator   Role = "operator"    // 值守员, 受理员: supervision
	Dispatcher Role = "dispatcher"  // 派遣员: command
	DutyLeader Role = "duty_leader" // 值班长
	Leader     Role = "leader"      // 领导
	Integrator Role = "integrator"  // 摄像机集成员
	Officer    Role = "officer"     // 网格员
	Specialist Role = "specialist"  // 三级网格专员
	Department Role = "department"  // 职能部门
	Resident   Role = "resident"    // 居民
	Auditor    Role = "auditor"     // 审计员: the audit and nothing else
	Wall       Role = "wall"        // a device: it reads, and it never reads personal data
)

// Roles are those that an account can have.
var Roles = []Role{Admin, Operator, Dispatcher, DutyLeader, Leader, Integrator, Officer, Specialist, Department, Resident, Auditor}

// Right is one thing that one may do.
type Right string

const (
	CaseRead         Right = "case.read"
	CaseReport       Right = "case.report"
	CaseMove         Right = "case.move"   // which moves, the flow says
	FlowManage       Right = "flow.manage" // read the site's flow files anew
	PhotoUpload      Right = "photo.upload"
	ReporterRead     Right = "reporter.read"
	MapRead          Right = "map.read"
	CameraPlay       Right = "camera.play"
	CameraPTZ        Right = "camera.ptz" // turn heads
	CameraManage     Right = "camera.manage"
	CameraSecret     Right = "camera.secret" // 保密 ones too
	GridManage       Right = "grid.manage"   // change grids, close slivers
	WallRead         Right = "wall.read"
	WallDrive        Right = "wall.drive"
	ClockSet         Right = "clock.set"
	PositionRead     Right = "position.read" // where officers are
	PositionReport   Right = "position.report"
	AlarmRead        Right = "alarm.read"
	AlarmAct         Right = "alarm.act"    // acknowledge, shelve, …; an integrator for cameras and screens
	AlarmReport      Right = "alarm.report" // sensors
	AlarmSOS         Right = "alarm.sos"    // call for help
	AuditRead        Right = "audit.read"
	DeviceManage     Right = "device.manage" // let screens of walls in, and out
	MetricsRead      Right = "metrics.read"
	ProfileRead      Right = "profile.read" // what a node does with its processor and memory
	EvaluationRead   Right = "evaluation.read"
	CatalogueManage  Right = "catalogue.manage"  // classes, conditions, who answers for what
	EvaluationManage Right = "evaluation.manage" // formulas and weights
	NumbersRead      Right = "numbers.read"      // mobile and identity numbers in what people wrote; masked without it
	PersonRead       Right = "person.read"       // records of persons that one answers for, where the site keeps such
	PersonManage     Right = "person.manage"     // make them, and say who answers for them
	SessionRead      Right = "session.read"      // everyone who came in
)

// centre is what everyone at a desk of the centre may see.
var centre = []Right{SessionRead, NumbersRead, CaseRead, MapRead, CameraPlay, CameraSecret, WallRead, PositionRead, AlarmRead, EvaluationRead}

var rights = map[Role][]Right{
	Admin:      {SessionRead, NumbersRead, CaseRead, CaseReport, CaseMove, FlowManage, CatalogueManage, PhotoUpload, ReporterRead, MapRead, GridManage, DeviceManage, CameraPlay, CameraPTZ, CameraManage, CameraSecret, WallRead, WallDrive, ClockSet, PositionRead, PositionReport, AuditRead, MetricsRead, ProfileRead, AlarmRead, AlarmAct, AlarmReport, AlarmSOS, EvaluationRead, EvaluationManage},
	Operator:   slices.Concat(centre, []Right{CameraPTZ, CaseReport, CaseMove, PhotoUpload, ReporterRead, WallDrive, AlarmAct, AlarmReport}),
	Dispatcher: slices.Concat(centre, []Right{CameraPTZ, CaseReport, CaseMove, PhotoUpload, WallDrive, AlarmAct, AlarmReport}),
	DutyLeader: slices.Concat(centre, []Right{PersonRead, PersonManage, CameraPTZ, AuditRead, EvaluationManage, CatalogueManage, CaseReport, CaseMove, PhotoUpload, ReporterRead, WallDrive, AlarmAct, AlarmReport}),
	Leader:     centre,
	Integrator: {SessionRead, NumbersRead, MapRead, DeviceManage, CameraPlay, CameraPTZ, CameraManage, CameraSecret, WallRead, WallDrive, MetricsRead, AlarmRead, AlarmAct, AlarmReport},
	Officer:    {SessionRead, NumbersRead, PersonRead, CaseRead, CaseReport, CaseMove, PhotoUpload, MapRead, PositionReport, AlarmSOS},
	Specialist: {SessionRead, NumbersRead, PersonRead, CaseRead, CaseReport, CaseMove, PhotoUpload, MapRead, CameraPlay, CameraSecret, PositionReport, AlarmSOS},
	Department: {SessionRead, NumbersRead, CaseRead, CaseMove, PhotoUpload, MapRead},
	Resident:   {SessionRead, NumbersRead, CaseReport, PhotoUpload},
	Auditor:    {SessionRead, AuditRead},
	Wall:       {SessionRead, CaseRead, MapRead, CameraPlay, WallRead, AlarmRead},
}

// central are rights over the whole town: an account of one grid has none of them, whatever its role.
var central = []Right{DeviceManage, GridManage, FlowManage, CameraManage, CameraSecret, WallDrive, ClockSet, AuditRead, MetricsRead, ProfileRead, EvaluationManage, CatalogueManage}

// RolesWith are the roles that have a right.
func RolesWith(r Right) (roles []Role) {
	for _, role := range Roles {
		if slices.Contains(rights[role], r) {
			roles = append(roles, role)
		}
	}
	return roles
}

// Identity is who asks.
type Identity struct {
	Account    int // 0 for a device
	Username   string
	Name       string
	Role       Role
	Department string // of a department's account
	Grid       string // the jurisdiction: this grid and all below it; empty: the whole town
	Officer    string // who of the roster this is; empty: none of it
	// Once is set while the password is one that was given out: nothing is permitted but to change it.
	Once bool
	// Bare is set while the role asks for a second factor that the account does not have: nothing is permitted but to get one.
	Bare bool
	// Scope are the rights that a program's token has of its account's; nil: all.
	Scope []Right
}

// May says whether the identity has the right.
func (i Identity) May(r Right) bool {
	if i.Once || i.Bare {
		return r == SessionRead
	}
	if i.Scope != nil && r != SessionRead && !slices.Contains(i.Scope, r) {
		return false
	}
	return slices.Contains(rights[i.Role], r) && (i.Grid == "" || !slices.Contains(central, r))
}

// Rights are all rights of the identity, for pages that hide what one may not do.
func (i Identity) Rights() []Right {
	return slices.DeleteFunc(slices.Clone(rights[i.Role]), func(r Right) bool { return !i.May(r) })
}
