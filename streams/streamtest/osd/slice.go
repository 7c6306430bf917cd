// Package osd burns text into H.264 pictures without encoding them: the on-screen display of the cameras
// of streamtest.
//
// A clip's pictures have two slices: the strip (the top two rows of macroblocks) and the scene below. The
// scene does not look at the strip: intra prediction and motion vector prediction stop at a slice's border,
// the deblocking filter is told to (disable_deblocking_filter_idc 2), and the renderer has checked that no
// motion vector points into it. So the strip's slice can be replaced by one made here: I_PCM macroblocks
// hold the finished pixels of sky and text, P_Skip leaves what has not changed. No table of residuals, no
// transform: about a hundred lines of syntax.
//
// A clip must be CAVLC, progressive, pic_order_cnt_type 2, one reference, one slice group, no weighted
// prediction: what x264 makes for constrained baseline without B-frames.
package osd

import (
	"errors"
	"fmt"
)

// Geometry of the clips.
const (
	Width       = 640
	Height      = 360
	StripHeight = 32
	columns     = Width / 16
	rows        = StripHeight / 16
	macroblocks = columns * rows
)

// Parameters is what of SPS and PPS a slice header depends on.
type Parameters struct {
	frameNumBits int
	deblocking   bool // deblocking_filter_control_present_flag
}

// ReadParameters reads SPS and PPS (NAL units) and refuses what the package comment rules out.
func ReadParameters(sps, pps []byte) (Parameters, error) {
	var p Parameters
	s, err := readSPS(sps)
	if err != nil {
		return p, err
	}
	p.frameNumBits = s.frameNumBits
	if len(pps) < 2 {
		return p, errShort
	}
	r := reader{b: unescape(pps[1:])}
	r.ue() // pic_parameter_set_id
	r.ue() // seq_parameter_set_id
	cabac := r.flag()
	fieldOrder := r.flag()
	groups := r.ue()
	references := r.ue()
	r.ue() // num_ref_idx_l1_default_active_minus1
	weighted := r.flag()
	r.u(2) // weighted_bipred_idc
	r.se() // pic_init_qp_minus26
	r.se() // pic_init_qs_minus26
	r.se() // chroma_qp_index_offset
	p.deblocking = r.flag()
	r.flag() // constrained_intra_pred_flag
	redundant := r.flag()
	switch {
	case r.err() != nil:
		return p, r.err()
	case cabac:
		return p, errors.New("osd: clip is CABAC, make it with cabac=0")
	case fieldOrder || groups > 0 || weighted || redundant:
		return p, errors.New("osd: clip uses fields, slice groups, weighted prediction or redundant pictures")
	case references > 0:
		return p, errors.New("osd: clip has several reference pictures, make it with ref=1")
	case !p.deblocking:
		return p, errors.New("osd: clip has no deblocking control in its PPS")
	}
	return p, nil
}

func (r *reader) se() { r.ue() } // the values are of no interest here, the length is the same

// sps is a sequence parameter set, with the place of what Extend rewrites.
type sps struct {
	rbsp         []byte
	frameNumBits int
	width        uint32 // macroblocks
	height       uint32
	heightAt     int // bit of pic_height_in_map_units_minus1
	afterHeight  int
	cropAt       int // bit of frame_cropping_flag
}

func readSPS(nalu []byte) (sps, error) {
	if len(nalu) < 4 {
		return sps{}, errShort
	}
	s := sps{rbsp: unescape(nalu[1:])}
	r := reader{b: s.rbsp}
	if profile := r.u(8); profile != 66 && profile != 77 {
		return s, fmt.Errorf("osd: clip has profile %d, make it baseline", profile)
	}
	r.u(16) // constraints, level
	r.ue()  // seq_parameter_set_id
	s.frameNumBits = int(r.ue()) + 4
	if order := r.ue(); order != 2 {
		return s, fmt.Errorf("osd: clip has pic_order_cnt_type %d, make it without B-frames", order)
	}
	r.ue()   // max_num_ref_frames
	r.flag() // gaps_in_frame_num_value_allowed_flag
	s.width = r.ue() + 1
	s.heightAt = r.at
	s.height = r.ue() + 1
	s.afterHeight = r.at
	progressive := r.flag()
	r.flag() // direct_8x8_inference_flag
	s.cropAt = r.at
	switch {
	case r.err() != nil:
		return s, r.err()
	case !progressive:
		return s, errors.New("osd: clip is interlaced")
	case s.frameNumBits > 16 || s.width > 1024 || s.height > 1024:
		return s, errors.New("osd: SPS out of range")
	}
	return s, nil
}

// ExtendSPS makes the parameter set of a scene that was encoded on its own, without the strip and 8 rows
// longer than shown, that of the whole picture.
func ExtendSPS(nalu []byte) ([]byte, error) {
	s, err := readSPS(nalu)
	if err != nil {
		return nil, err
	}
	if s.width != columns || (s.height+rows)*16 != Height+8 {
		return nil, fmt.Errorf("osd: scene of %d x %d macroblocks", s.width, s.height)
	}
	r := reader{b: s.rbsp, at: s.cropAt}
	if r.flag() {
		return nil, errors.New("osd: scene is cropped already")
	}
	end, err := rbspEnd(s.rbsp)
	if err != nil {
		return nil, err
	}
	var w writer
	w.copy(s.rbsp, 0, s.heightAt)
	w.ue(s.height + rows - 1)
	w.copy(s.rbsp, s.afterHeight, s.cropAt)
	w.u(1, 1)
	w.ue(0)
	w.ue(0)
	w.ue(0)
	w.ue(4) // eight rows below the picture, in units of two
	w.copy(s.rbsp, r.at, end)
	w.trailing()
	return escape(nalu[0], w.b), nil
}

// rbspEnd is the bit of the stop bit.
func rbspEnd(rbsp []byte) (int, error) {
	for i := len(rbsp) - 1; i >= 0; i-- {
		for bit := range 8 {
			if rbsp[i]>>bit&1 == 1 {
				return i*8 + 7 - bit, nil
			}
		}
	}
	return 0, errShort
}

// Header is the slice header that scene and strip share.
type Header struct {
	nalu       byte   // nal_ref_idc and nal_unit_type
	Type       uint32 // slice_type: 5 P, 7 I
	IDR        bool
	First      uint32 // first_mb_in_slice
	frameNum   uint32
	idrPicID   uint32
	afterFirst int    // bit after first_mb_in_slice
	deblockAt  int    // bit of disable_deblocking_filter_idc
	deblock    uint32 // its value
	after      int    // bit after it
}

// ReadHeader reads the header of a slice NAL unit.
func (p Parameters) ReadHeader(nalu []byte) (Header, error) {
	_, h, err := p.readSlice(nalu)
	return h, err
}

func (p Parameters) readSlice(nalu []byte) ([]byte, Header, error) {
	var h Header
	if len(nalu) < 2 {
		return nil, h, errShort
	}
	h.nalu = nalu[0]
	switch nalu[0] & 0x1f {
	case 1:
	case 5:
		h.IDR = true
	default:
		return nil, h, fmt.Errorf("osd: NAL unit type %d is no slice", nalu[0]&0x1f)
	}
	rbsp := unescape(nalu[1:])
	r := reader{b: rbsp}
	h.First = r.ue()
	h.afterFirst = r.at
	h.Type = r.ue()
	parameterSet := r.ue()
	h.frameNum = r.u(p.frameNumBits)
	if h.IDR {
		h.idrPicID = r.ue()
	}
	intra := h.Type%5 == 2
	reordered, adaptive := false, false
	if !intra {
		if r.flag() { // num_ref_idx_active_override_flag
			r.ue()
		}
		reordered = r.flag()
	}
	if h.nalu&0x60 != 0 {
		if h.IDR {
			r.u(2)
		} else {
			adaptive = r.flag()
		}
	}
	r.se() // slice_qp_delta
	h.deblockAt = r.at
	h.deblock = r.ue()
	h.after = r.at
	switch {
	case r.err() != nil:
		return nil, h, r.err()
	case !intra && h.Type%5 != 0:
		return nil, h, fmt.Errorf("osd: slice type %d is neither I nor P", h.Type)
	case reordered || adaptive || parameterSet != 0:
		return nil, h, errors.New("osd: slice reorders or marks references, or has another PPS")
	}
	return rbsp, h, nil
}

// ShiftScene moves the slice of a scene that was encoded on its own below the strip, and cuts its
// deblocking filter off from it.
func (p Parameters) ShiftScene(nalu []byte) ([]byte, error) {
	rbsp, h, err := p.readSlice(nalu)
	if err != nil {
		return nil, err
	}
	if h.First != 0 {
		return nil, errors.New("osd: scene has several slices, make it with one thread")
	}
	end, err := rbspEnd(rbsp)
	if err != nil || end < h.after {
		return nil, errShort
	}
	var w writer
	w.ue(macroblocks)
	w.copy(rbsp, h.afterFirst, h.deblockAt)
	if h.deblock == 0 {
		w.ue(2) // not across slices; the offsets follow as they are
	} else {
		w.ue(h.deblock)
	}
	w.copy(rbsp, h.after, end)
	w.trailing()
	return escape(h.nalu, w.b), nil
}

// strip begins a slice for the strip of the picture that h belongs to.
func (p Parameters) strip(h Header) *writer {
	w := &writer{b: make([]byte, 0, 512)}
	w.ue(0) // first_mb_in_slice
	w.ue(h.Type)
	w.ue(0) // pic_parameter_set_id
	w.u(p.frameNumBits, h.frameNum)
	if h.IDR {
		w.ue(h.idrPicID)
	}
	if h.Type%5 == 0 {
		w.u(2, 0) // no override of the reference count, no reordering
	}
	if h.nalu&0x60 != 0 {
		if h.IDR {
			w.u(2, 0) // show earlier pictures, short-term reference
		} else {
			w.u(1, 0) // sliding window
		}
	}
	w.ue(0) // slice_qp_delta
	w.ue(1) // no deblocking: text stays sharp
	return w
}

// Blank is a strip of plain grey (intra) or of nothing new (inter): what clips hold, so that every player
// shows them.
func (p Parameters) Blank(h Header) []byte {
	w := p.strip(h)
	if h.Type%5 == 0 {
		w.ue(macroblocks) // mb_skip_run
	} else {
		for range macroblocks {
			w.ue(3)   // I_16x16_2_0_0: DC prediction, no coefficients
			w.ue(0)   // intra_chroma_pred_mode DC
			w.ue(0)   // mb_qp_delta
			w.u(1, 1) // coeff_token of no coefficients
		}
	}
	w.trailing()
	return escape(h.nalu, w.b)
}

// Slice is the strip's slice for the picture that h belongs to. In an I picture it is all of image, in a P
// picture only the macroblocks where image differs from shown, which may be nil for none.
func (p Parameters) Slice(h Header, image, shown *Image) []byte {
	w := p.strip(h)
	inter := h.Type%5 == 0
	skipped := uint32(0)
	for mb := range macroblocks {
		if inter && (shown == nil || shown.same(image, mb)) {
			skipped++
			continue
		}
		if inter {
			w.ue(skipped)
			skipped = 0
			w.ue(5 + 25) // I_PCM in a P slice
		} else {
			w.ue(25) // I_PCM
		}
		w.align()
		w.b = image.appendMacroblock(w.b, mb)
	}
	if skipped > 0 {
		w.ue(skipped)
	}
	w.trailing()
	return escape(h.nalu, w.b)
}
