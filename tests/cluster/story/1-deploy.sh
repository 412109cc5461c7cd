# The pipeline deploys the page and its Service with server-side apply, and deploys again.
# runs as: ci/deployer
kubectl -n shop apply --server-side -f "$objects/page.yaml"
kubectl -n shop rollout status deployment/page --timeout=60s
sed 's/page:1/page:2/' "$objects/page.yaml" | kubectl -n shop apply --server-side -f -
kubectl -n shop rollout status deployment/page --timeout=60s
