"""The page that browsers are given at `/`: its files, served by `vivavoce.server.playground`."""
