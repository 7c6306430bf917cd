package cameras

import (
	"math"
	"strconv"
	"strings"
)

// The codes of GB/T 28181 for a catalogue item, in their order: the first is 1.
var (
	PTZTypes = []Text{{"球机", "dome"}, {"半球", "half dome"}, {"固定枪机", "fixed"}, {"遥控枪机", "remote bullet"}, {"遥控半球", "remote half dome"}, {"多目全景通道", "panoramic channel"}, {"多目分割通道", "split channel"}}
	// PositionTypes 位置类型.
	PositionTypes = []Text{{"省际检查站", "provincial checkpoint"}, {"党政机关", "government"}, {"车站码头", "station or port"}, {"中心广场", "square"}, {"体育场馆", "stadium"},
		{"商业中心", "shopping centre"}, {"宗教场所", "religious site"}, {"校园周边", "around a school"}, {"治安复杂区域", "difficult area"}, {"交通干线", "main road"}}
	// UseTypes 用途属性.
	UseTypes = []Text{{"治安", "public safety"}, {"交通", "traffic"}, {"重点", "key site"}}
	// LightTypes 补光属性.
	LightTypes = []Text{{"无补光", "none"}, {"红外补光", "infrared"}, {"白光补光", "white light"}}
)

// turns are the types that can be turned from afar.
var turns = map[int]bool{1: true, 4: true, 5: true}

// directions 监视方位 in the order of their codes, and where they look, degrees from north.
var (
	directions      = []Text{{"东", "east"}, {"西", "west"}, {"南", "south"}, {"北", "north"}, {"东南", "southeast"}, {"东北", "northeast"}, {"西南", "southwest"}, {"西北", "northwest"}}
	directionsAtDeg = []float64{90, 270, 180, 0, 135, 45, 225, 315}
)

// coded reads a code or its name in either language; 0: neither.
func coded(text string, names []Text) int {
	if n, err := strconv.ParseFloat(text, 64); err == nil && n == math.Trunc(n) && n >= 1 && int(n) <= len(names) {
		return int(n)
	}
	for i, name := range names {
		if strings.EqualFold(text, name.ZH) || strings.EqualFold(text, name.EN) {
			return i + 1
		}
	}
	return 0
}

// direction is the code that lies nearest to a bearing.
func direction(bearingDeg float64) int {
	best := 0
	for i, at := range directionsAtDeg {
		if math.Abs(math.Remainder(at-bearingDeg, 360)) < math.Abs(math.Remainder(directionsAtDeg[best]-bearingDeg, 360)) {
			best = i
		}
	}
	return best + 1
}

// heading is a field of the camera lists that are read and written.
type heading struct {
	field  string
	en, zh string   // as an export heads its column; the standard's name where it has one
	others []string // that an import understands too, in small letters
}

// headings in the order of an export.
var headings = []heading{
	{"id", "DeviceID", "设备编码", []string{"id", "code", "编号", "编码", "国标编码", "摄像机编号"}},
	{"name", "Name", "设备名称", []string{"名称", "摄像机名称", "点位名称", "place"}},
	{"lon", "Longitude", "经度", nil},
	{"lat", "Latitude", "纬度", nil},
	{"group", "BusinessGroupID", "分组", []string{"group", "业务分组", "组"}},
	{"purpose", "Purpose", "用途", []string{"type", "类型"}},
	{"use_type", "UseType", "用途属性", nil},
	{"position_type", "PositionType", "位置类型", []string{"位置类型属性"}},
	{"room", "RoomType", "室内外", []string{"indoor", "室内", "室内外属性"}},
	{"secret", "Secrecy", "保密属性", []string{"secret", "保密"}},
	{"sign", "Sign", "标志牌", []string{"公示标志", "提示标识", "标识牌"}},
	{"ptz_type", "PTZType", "摄像机类型", []string{"摄像机结构类型", "云台类型"}},
	{"ptz", "PTZ", "云台", []string{"球机"}},
	{"direction", "DirectionType", "监视方位", []string{"监视方位属性"}},
	{"bearing", "Bearing", "方位角", []string{"朝向"}},
	{"angle", "Angle", "张角", []string{"视场角"}},
	{"range_m", "Range", "可视距离", []string{"range_m"}},
	{"height_m", "Height", "安装高度", []string{"height_m", "高度"}},
	{"light_type", "SupplyLightType", "补光属性", nil},
	{"address", "Address", "安装地址", nil},
	{"civil_code", "CivilCode", "行政区划", []string{"行政区域", "行政区划代码"}},
	{"owner", "Owner", "产权单位", []string{"设备归属", "归属"}},
	{"maker", "Manufacturer", "厂商", []string{"设备厂商"}},
	{"model", "Model", "型号", []string{"设备型号"}},
	{"upstream", "ParentID", "上级设备", []string{"upstream", "父设备", "上级设备编码"}},
	{"switch", "Switch", "交换机", []string{"接入交换机", "上联交换机"}},
	{"url", "URL", "取流地址", []string{"rtsp", "地址", "rtsp地址"}},
	{"sub_url", "SubURL", "子码流", []string{"sub_url", "子码流地址", "辅码流地址"}},
	{"pinned", "Pinned", "常开", nil},
	{"enabled", "Enabled", "启用", nil},
	// Read and never written.
	{"username", "Username", "用户名", []string{"user"}},
	{"password", "Password", "密码", []string{"口令", "设备口令"}},
}

// written is how many headings an export has.
var written = len(headings) - 2

// Aliases are the headers of a camera list: the attribute names of GB/T 28181, their Chinese, and what else is usual.
var Aliases = func() map[string][]string {
	all := map[string][]string{}
	for _, h := range headings {
		if h.field == "lon" || h.field == "lat" {
			continue // the importer's own
		}
		all[h.field] = append([]string{h.field, h.en, h.zh}, h.others...)
	}
	return all
}()
