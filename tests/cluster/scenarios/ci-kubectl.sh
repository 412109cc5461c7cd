# A pipeline that deploys with kubectl as it was always done: create, apply, set image, rollout, scale, label, replace, delete.
# runs as: ci/deployer
kubectl -n shop create configmap release --from-literal=commit=abc123
kubectl -n shop apply -f "$objects/api.yaml"
kubectl -n shop rollout status deployment/api --timeout=60s
sed 's/api:1/api:2/' "$objects/api.yaml" | kubectl -n shop apply -f -
kubectl -n shop set image deployment/api api=registry.example/api:3
kubectl -n shop rollout status deployment/api --timeout=60s
kubectl -n shop rollout restart deployment/api
kubectl -n shop rollout status deployment/api --timeout=60s
kubectl -n shop rollout history deployment/api
kubectl -n shop rollout undo deployment/api
kubectl -n shop scale deployment/api --replicas=3
kubectl -n shop label deployment/api tier=back
kubectl -n shop annotate service/api checked=yes
kubectl -n shop diff -f "$objects/api.yaml" || [ $? = 1 ]
kubectl -n shop get configmap release -o json | sed 's/abc123/def456/' | kubectl -n shop replace -f -
kubectl -n shop create job nightly-now --from=cronjob/nightly
kubectl -n shop wait --for=condition=Complete job/nightly-now --timeout=60s
kubectl -n shop delete job nightly-now --wait=false
kubectl -n shop delete configmap release
kubectl -n shop delete -f "$objects/api.yaml" --wait=false
