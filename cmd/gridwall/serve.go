package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/assets"
	"gridwall/dashboard"
	"gridwall/dashboard/access/oidc"
	"gridwall/dashboard/alarms"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/postgres"
	"gridwall/geo/basemap"
	"gridwall/geo/grid"
	"gridwall/migrations"
)

func serve(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("serve", "serve [flags]")
	settable := flags.Bool("settable-clock", env("GRIDWALL_SETTABLE_CLOCK", "") != "", "let administrators stop the clock (scenarios and drills)")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	server, err := start(ctx, s, *settable, newLog())
	if err != nil {
		return err
	}
	password, err := server.dash.Access.FirstAdmin(ctx)
	if err != nil {
		return errors.Join(err, server.halt())
	}
	fmt.Printf("Gridwall is served at %s\n", server.url)
	if password != "" {
		fmt.Printf("The first account is admin; its password for the first sign-in, where it is changed (首次登录账号 admin，一次性口令): %s\n", password)
	}
	return server.wait()
}

// server is a running house.
type server struct {
	url  string
	pool *pgxpool.Pool
	dash *dashboard.Dashboard
	end  func()
	wait func() error // until ctx has ended, or end was called, and everything has stopped
}

// halt ends the server and waits for it.
func (s *server) halt() error {
	s.end()
	return s.wait()
}

// goodbye is how long requests may take to end when the server stops.
const goodbye = 5 * time.Second

// start brings everything up from the ground: database, schema, rooms, web. Stopping is the same list upwards.
func start(ctx context.Context, s settings, settableClock bool, log *slog.Logger) (*server, error) {
	rules, err := readRules(s.alarmRules)
	if err != nil {
		return nil, err
	}
	codes := grid.National
	if s.gridCodes != "" {
		if codes, err = grid.ParseScheme(s.gridCodes); err != nil {
			return nil, err
		}
	}
	ground, err := basemap.Open(s.basemap)
	if err != nil {
		return nil, err
	}
	proxies, err := prefixes(s.proxies)
	if err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	var signIn *oidc.Provider
	if s.oidc != "" {
		if signIn, err = oidc.Read(s.oidc); err != nil {
			return nil, err
		}
	}
	factorRoles, err := rolesOf(s.factorRoles)
	if err != nil {
		return nil, err
	}
	cameraNet, err := s.cameraNet()
	if err != nil {
		return nil, err
	}
	secured, err := openTLS(s.tlsCert, s.tlsKey, log)
	if err != nil {
		return nil, err
	}
	db, err := openDatabase(ctx, s, log)
	if err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, db.url, log)
	if err != nil {
		return nil, errors.Join(err, db.stop())
	}
	life, end := context.WithCancel(ctx)
	fail := func(err error) (*server, error) {
		end()
		pool.Close()
		return nil, errors.Join(err, db.stop())
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fail(err)
	}
	host, _, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return fail(err)
	}
	rtspOut, err := s.rtspOut(host, log)
	if err != nil {
		listener.Close()
		return fail(err)
	}
	if cameraNet.Refused, err = noCamera(life, db.url, listener, rtspOut); err != nil {
		listener.Close()
		if rtspOut != nil {
			rtspOut.Close()
		}
		return fail(err)
	}
	keys, err := s.openKeys(life, pool)
	if err != nil {
		listener.Close()
		if rtspOut != nil {
			rtspOut.Close()
		}
		return fail(err)
	}
	checkpoints, keyFile := s.checkpointPaths()
	signing, err := audit.OpenKey(keyFile, true)
	if err != nil {
		listener.Close()
		if rtspOut != nil {
			rtspOut.Close()
		}
		return fail(err)
	}
	dash, err := dashboard.Open(life, dashboard.Config{Checkpoints: &audit.Signer{Pool: pool, Key: signing, File: checkpoints, Log: log},
		Pool: pool, Catalogue: assets.Catalogue(), Pages: assets.Dist(),
		WebRTCAddr: cmp.Or(s.webRTCAddr, net.JoinHostPort(host, "0")), RTSP: rtspOut, CameraKeys: keys, CameraNet: cameraNet,
		SettableClock: settableClock, KeepMonths: s.keepMonths, PurgeMonths: s.purgeMonths, Persons: s.persons, PurgeDir: filepath.Join(s.dataDir, "purges"), ClientsPerAddress: s.perAddress, Proxies: proxies, OIDC: signIn, FactorRoles: factorRoles, AlarmRules: rules, Flows: os.DirFS(filepath.Join(s.dataDir, "flows")), GridCodes: codes, Basemap: ground, TileBytes: int64(s.tileMemory) << 20, Log: log})
	if err != nil {
		listener.Close()
		if rtspOut != nil {
			rtspOut.Close()
		}
		return fail(err)
	}
	web := newWeb(dash.Handler(), log)
	ended := make(chan error, 2)
	url := "http://" + listener.Addr().String()
	if web.TLSConfig = secured; secured == nil {
		go func() { ended <- web.Serve(listener) }()
	} else {
		url = "https://" + listener.Addr().String()
		go func() { ended <- web.ServeTLS(listener, "", "") }()
	}
	rooms := make(chan error, 1)
	go func() { rooms <- dash.Run(life) }()

	wait := func() error {
		var failed error
		select {
		case <-life.Done():
		case failed = <-ended:
		}
		end() // websockets and rooms
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		err := errors.Join(failed, web.Shutdown(closing), <-rooms)
		pool.Close()
		return errors.Join(err, db.stop())
	}
	return &server{url: url, pool: pool, dash: dash, end: end, wait: wait}, nil
}

// newWeb is a web server that no slow client keeps; what follows the head, the dashboard's door bounds.
func newWeb(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

// readRules reads the site's alarm rules; nil without a file.
func readRules(name string) (*alarms.Rules, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("alarm rules: %w", err)
	}
	return alarms.ParseRules(name, text)
}

// database is the address of the store, and how to stop it if it is ours.
type database struct {
	url  string
	stop func() error
}

// openDatabase uses DATABASE_URL, or runs the private cluster.
func openDatabase(ctx context.Context, s settings, log *slog.Logger) (*database, error) {
	if s.database != "" {
		return &database{s.database, func() error { return nil }}, nil
	}
	cluster, err := postgres.Start(ctx, postgres.Config{Dir: clusterDir(s), Log: log})
	if err != nil {
		return nil, err
	}
	return &database{cluster.URL(), runCluster(ctx, cluster)}, nil
}

func clusterDir(s settings) string { return filepath.Join(s.dataDir, "postgres") }

// runCluster keeps a cluster until the returned function is called: it must outlive ctx, others close their connections first.
func runCluster(ctx context.Context, cluster *postgres.Cluster) (stop func() error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- cluster.Run(life) }()
	return func() error {
		end()
		return <-done
	}
}

// openPool migrates the database and opens the pool on it.
func openPool(ctx context.Context, url string, log *slog.Logger) (*pgxpool.Pool, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	err = migrations.Up(ctx, conn, func(name string) { log.Info("migrating the database", "file", name) })
	conn.Close(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	return openMigrated(ctx, url)
}

// openMigrated opens the pool on a database that another process looks after.
func openMigrated(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = max(config.MaxConns, 32)
	config.ConnConfig.RuntimeParams["jit"] = "off" // to compile a query takes longer than to answer any of ours
	return pgxpool.NewWithConfig(ctx, config)
}

// reach opens the database for a command beside the server: the private cluster is started, or that of a running server used.
func reach(ctx context.Context, s settings, log *slog.Logger) (*pgxpool.Pool, func() error, error) {
	db, err := openDatabase(ctx, s, log)
	if errors.Is(err, postgres.ErrRunning) {
		var url string
		if url, err = postgres.Attach(postgres.Config{Dir: clusterDir(s), Log: log}); err == nil {
			db = &database{url, func() error { return nil }}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	pool, err := openPool(ctx, db.url, log)
	if err != nil {
		return nil, nil, errors.Join(err, db.stop())
	}
	return pool, func() error {
		pool.Close()
		return db.stop()
	}, nil
}

func migrate(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("migrate", "migrate [flags]")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	_, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	return stop()
}
