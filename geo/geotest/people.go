package geotest

import "fmt"

// Department is an office that cases are dispatched to.
type Department struct {
	Code string // D01…D39
	Name string
}

// Officer is an information officer 网格信息员.
type Officer struct {
	Name  string
	Post  string // 网格长, 网格员, 网格指导员
	Grid  string // code
	Shift string // A, or B: who stands in for A
	Phone string // 100…: no network assigns numbers that begin with 100, so it can be nobody's
}

// departments are the offices of a county that a street dispatches to; the five last are the street's own.
func departments() []Department {
	names := []string{
		"环卫局", "城管局", "应急管理局（安监）", "综合行政执法局", "公安局", "市场监管局", "住建局", "交通运输局", "水务局", "生态环境局",
		"卫健委", "教体局", "民政局", "人社局", "司法局", "信访局", "自然资源局", "林草局", "农牧局", "文旅局",
		"退役军人事务局", "医保局", "残联", "消防救援大队", "交警大队", "供电公司", "供热公司", "自来水公司", "排水公司", "燃气公司",
		"电信公司", "移动公司", "联通公司", "邮政公司",
		"党政综合办", "党群服务中心", "综合保障和技术推广中心", "综合行政执法队", "综治中心",
	}
	out := make([]Department, len(names))
	for i, n := range names {
		out[i] = Department{fmt.Sprintf("D%02d", i+1), n}
	}
	return out
}

// officerCount is how many there are; every grid has at least three.
const officerCount = 104

// officers are invented: surnames and given names are drawn apart from each other.
func (b *builder) officers() []Officer {
	surnames := []rune("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文")
	given := []string{"志强", "建国", "秀英", "丽华", "海燕", "永刚", "春梅", "俊杰", "晓东", "雪梅", "国庆", "桂芳", "文斌", "玉兰", "小军", "凤霞", "立新", "淑珍", "鹏飞", "慧敏", "宏伟", "艳丽", "少华", "佳琪", "振宇", "红梅", "浩然", "美玲", "志远", "雅静", "向东", "彩霞", "光明", "燕妮", "成林", "晓琳"}
	used := map[string]bool{}
	out := make([]Officer, officerCount)
	for i := range out {
		g := i % (4 * gridsEach)
		name := ""
		for name == "" || used[name] {
			name = string(surnames[b.rand.IntN(len(surnames))]) + given[b.rand.IntN(len(given))]
		}
		used[name] = true
		post := []string{"网格长", "网格员", "网格员", "网格指导员"}[i/(4*gridsEach)]
		out[i] = Officer{Name: name, Post: post, Grid: gridCode(g), Shift: []string{"A", "B"}[i/(4*gridsEach)%2], Phone: fmt.Sprintf("1000000%04d", i+1)}
	}
	return out
}
