package cases

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png"

	"github.com/jackc/pgx/v5"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"

	"gridwall/dashboard/access"
)

const (
	// MaxPhoto is the largest upload, in bytes.
	MaxPhoto = 10 << 20
	// maxPixels bounds what a small file can unpack to.
	maxPixels = 50_000_000
	// photoEdge is the longer edge of a stored photo, in pixels.
	photoEdge = 1920
)

// unpacking bounds how many photos are unpacked at a time: one of maxPixels takes up to 400 MB while it is.
var unpacking = make(chan struct{}, 2)

var photoKinds = map[string]Text{"near": {"近景照片", "near"}, "far": {"远景照片", "far"}, "before": {"处置前照片", "before"}, "after": {"处置后照片", "after"}}

// picture is a photo ready to be stored: uploaded before (id), or new (jpeg).
type picture struct {
	kind string
	id   string
	jpeg []byte
}

// prepare checks the photos of a request and re-encodes the new ones, before any transaction is open.
func prepare(photos []NewPhoto) ([]picture, error) {
	if len(photos) > 9 {
		return nil, invalid("too_many_photos", "一次最多 9 张照片", "at most 9 photos at a time")
	}
	ready := make([]picture, len(photos))
	for i, p := range photos {
		if _, ok := photoKinds[p.Kind]; !ok {
			return nil, invalid("photo_invalid", "照片类型应为 near、far、before 或 after", "the kind of a photo is near, far, before or after")
		}
		ready[i] = picture{kind: p.Kind, id: p.ID}
		if p.ID == "" {
			var err error
			if ready[i].jpeg, err = encode(p.Data); err != nil {
				return nil, err
			}
			ready[i].id = rand.Text()
		}
	}
	return ready, nil
}

// encode makes a JPEG of at most photoEdge without anything but the picture: EXIF with its place and device stays behind.
func encode(data []byte) ([]byte, error) {
	bad := invalid("photo_invalid", "不是可读的 JPEG、PNG 或 WebP 图片", "not a readable JPEG, PNG or WebP picture")
	if len(data) > MaxPhoto {
		return nil, invalid("photo_too_large", "照片不超过 10 MiB", "a photo has at most 10 MiB")
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return nil, bad
	}
	if config.Width*config.Height > maxPixels {
		return nil, invalid("photo_too_large", "照片不超过 5000 万像素", "a photo has at most 50 million pixels")
	}
	unpacking <- struct{}{}
	defer func() { <-unpacking }()
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, bad
	}
	if edge := max(config.Width, config.Height); edge > photoEdge {
		small := image.NewRGBA(image.Rect(0, 0, max(config.Width*photoEdge/edge, 1), max(config.Height*photoEdge/edge, 1)))
		draw.ApproxBiLinear.Scale(small, small.Bounds(), picture, picture.Bounds(), draw.Src, nil)
		picture = small
	}
	picture = upright(picture, orientation(data))
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: 85}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

const insertPhoto = `INSERT INTO photo (id, case_id, n, kind, at, account, jpeg) VALUES ($1, $2, $3, $4, $5, $6, $7)`

// Upload stores a picture that a report or a move will name; it returns its id.
func (r *Room) Upload(ctx context.Context, who access.Identity, data []byte) (string, error) {
	jpeg, err := encode(data)
	if err != nil {
		return "", err
	}
	id := rand.Text()
	if _, err := r.pool.Exec(ctx, insertPhoto, id, nil, nil, nil, r.clock.Now(), who.Account, jpeg); err != nil {
		return "", fmt.Errorf("upload photo: %w", err)
	}
	return id, nil
}

// keep stores the pictures that came inline as uploads, so that the case has only to claim them.
func (r *Room) keep(ctx context.Context, who access.Identity, photos []NewPhoto) ([]picture, error) {
	pictures, err := prepare(photos)
	if err != nil {
		return nil, err
	}
	for _, p := range pictures {
		if p.jpeg == nil {
			continue
		}
		if _, err := r.pool.Exec(ctx, insertPhoto, p.id, nil, nil, nil, r.clock.Now(), who.Account, p.jpeg); err != nil {
			return nil, fmt.Errorf("store photo: %w", err)
		}
	}
	return pictures, nil
}

// drop lets go of the inline pictures of what was not written.
func (r *Room) drop(ctx context.Context, pictures []picture) {
	var ids []string
	for _, p := range pictures {
		if p.jpeg != nil {
			ids = append(ids, p.id)
		}
	}
	if len(ids) > 0 {
		r.pool.Exec(context.WithoutCancel(ctx), `DELETE FROM photo WHERE id = ANY($1) AND case_id IS NULL`, ids)
	}
}

// PhotoJPEG is the picture of a photo.
func (r *Room) PhotoJPEG(ctx context.Context, id string) (jpeg []byte, err error) {
	err = r.pool.QueryRow(ctx, `SELECT jpeg FROM photo WHERE id = $1`, id).Scan(&jpeg)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("photo %s: %w", id, ErrNotFound)
	}
	return jpeg, err
}
