#!/usr/bin/env bash
# The walk-through of the guide for authenticated model services, line by line: configure, train, follow, predict.
#
# The service counts its identifiers up from that of the configuration, so that the lines find what the guide names:
#
#   export CHAPKIT_API_KEYS="sk_ml_train_abc123,sk_ml_predict_xyz789"
#   tollgate models serve --ids-after 01K7CXYHJ7BR4E87VVTG8FNBMA &
#   examples/ml/guide.sh
#
# A real service is started without `--ids-after`: its identifiers come from the time and from chance.
set -euo pipefail

step() { printf '\n\n== %s\n' "$1"; }

# Repeats a line, at most 200 times, until its answer says that the job is completed.
until_completed() {
    local answer
    for _ in {1..200}; do
        answer=$("$@")
        case $answer in
        *'"status":"completed"'*) printf '%s\n' "$answer" && return ;;
        *'"status":"failed"'*) break ;;
        esac
        sleep 0.1
    done
    printf 'the job did not complete: %s\n' "$answer" >&2
    return 1
}

step "1. Check service health (no key)"
curl http://127.0.0.1:8000/health

step "2. Try without a key (refused)"
curl http://127.0.0.1:8000/api/v1/configs

step "3. View system info"
curl -H "X-API-Key: sk_ml_train_abc123" \
  http://127.0.0.1:8000/api/v1/system

step "4. Create a configuration"
curl -X POST http://127.0.0.1:8000/api/v1/configs \
  -H "X-API-Key: sk_ml_train_abc123" \
  -H "Content-Type: application/json" \
  -d '{
    "id": "01K7CXYHJ7BR4E87VVTG8FNBMA",
    "name": "secure_disease_model",
    "data": {}
  }'

step "5. Train"
curl -X POST http://127.0.0.1:8000/api/v1/ml/\$train \
  -H "X-API-Key: sk_ml_train_abc123" \
  -H "Content-Type: application/json" \
  -d '{
    "config_id": "01K7CXYHJ7BR4E87VVTG8FNBMA",
    "data": {
      "columns": ["rainfall", "mean_temperature", "disease_cases"],
      "data": [
        [100.5, 25.3, 12],
        [85.2, 27.1, 8],
        [120.8, 24.5, 15],
        [95.3, 26.2, 10],
        [110.0, 26.0, 13],
        [75.5, 28.0, 6],
        [130.2, 23.8, 18],
        [88.9, 27.5, 9]
      ]
    }
  }'

step "6. Follow the job"
until_completed \
curl -H "X-API-Key: sk_ml_train_abc123" \
  http://127.0.0.1:8000/api/v1/jobs/01K7CXYHJ7BR4E87VVTG8FNBMB

step "7. Get the trained model"
curl -H "X-API-Key: sk_ml_train_abc123" \
  http://127.0.0.1:8000/api/v1/artifacts/01K7CXYHJ7BR4E87VVTG8FNBMC

step "8. Predict, with another key"
curl -X POST http://127.0.0.1:8000/api/v1/ml/\$predict \
  -H "X-API-Key: sk_ml_predict_xyz789" \
  -H "Content-Type: application/json" \
  -d '{
    "model_artifact_id": "01K7CXYHJ7BR4E87VVTG8FNBMC",
    "historic": {
      "columns": ["rainfall", "mean_temperature"],
      "data": []
    },
    "future": {
      "columns": ["rainfall", "mean_temperature"],
      "data": [
        [110.0, 26.0],
        [90.0, 28.0],
        [125.0, 24.0],
        [80.0, 29.0]
      ]
    }
  }'

step "9. Follow the job"
until_completed \
curl -H "X-API-Key: sk_ml_predict_xyz789" \
  http://127.0.0.1:8000/api/v1/jobs/01K7CXYHJ7BR4E87VVTG8FNBMD

step "10. Get the predictions"
curl -H "X-API-Key: sk_ml_predict_xyz789" \
  http://127.0.0.1:8000/api/v1/artifacts/01K7CXYHJ7BR4E87VVTG8FNBME
echo
