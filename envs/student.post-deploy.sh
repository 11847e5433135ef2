#!/usr/bin/env bash
# Conda's environment is keyed by its yaml and by this file, so the lock's digest stands here: a changed lock rebuilds.
# sha256 of envs/student.txt: 942ef4c3c6756850662a830e6b0a2384d7c1e4491bd7acbed0f87b2421b856df
set -euo pipefail
python workflow/umui/environments/build.py --here envs/student.txt
