package geotest

import "math/rand/v2"

// names hands out street names, each once, in an order of the seed's.
type names struct {
	streets, lanes []string
	streetAt       int
	laneAt         int
}

func newNames(r *rand.Rand) names {
	n := names{}
	for _, s := range []string{"新华", "团结", "民主", "建设", "和平", "胜利", "东风", "解放", "文化", "育才", "园丁", "康宁", "长青", "向阳", "春晖", "朝阳", "丰收", "友谊", "光明", "振兴", "幸福", "富强", "安居", "德胜", "金桥", "平安", "广济", "崇文", "通顺", "利民", "惠民", "锦绣", "学府", "科技", "银河", "兴盛", "永安", "红旗", "前进", "工农"} {
		for _, kind := range []string{"街", "路"} {
			n.streets = append(n.streets, s+kind)
		}
	}
	for _, s := range []string{"羊市", "铁匠", "仓门", "水井", "槐树", "皮坊", "豆腐", "油坊", "马号", "书院", "戏台", "钟楼", "面铺", "染坊", "木匠", "关帝庙", "南关", "北门", "柳树", "杏园", "车马", "银匠", "草市", "盐店", "瓦窑", "碾子", "驼桥", "磨坊", "鼓楼", "城隍庙"} {
		for _, kind := range []string{"巷", "东巷", "西巷"} {
			n.lanes = append(n.lanes, s+kind)
		}
	}
	r.Shuffle(len(n.streets), func(i, j int) { n.streets[i], n.streets[j] = n.streets[j], n.streets[i] })
	r.Shuffle(len(n.lanes), func(i, j int) { n.lanes[i], n.lanes[j] = n.lanes[j], n.lanes[i] })
	return n
}

// street returns a street's name; when all are used, a numbered one.
func (n *names) street() string {
	n.streetAt++
	if n.streetAt <= len(n.streets) {
		return n.streets[n.streetAt-1]
	}
	return "规划" + numeral(n.streetAt-len(n.streets)) + "路"
}

func (n *names) lane() string {
	n.laneAt++
	if n.laneAt <= len(n.lanes) {
		return n.lanes[n.laneAt-1]
	}
	return "永来" + numeral(n.laneAt-len(n.lanes)) + "巷"
}

// numeral writes 1…999 in Chinese.
func numeral(n int) string {
	digits := []string{"", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	switch {
	case n < 10:
		return digits[n]
	case n < 20:
		return "十" + digits[n%10]
	case n < 100:
		return digits[n/10] + "十" + digits[n%10]
	case n%100 == 0:
		return digits[n/100] + "百"
	case n%100 < 10:
		return digits[n/100] + "百零" + digits[n%10]
	}
	return digits[n/100] + "百" + digits[n%100/10] + "十" + digits[n%10]
}
