"""Checks rendered Kubernetes manifests. Used by .ci/k8s.

k8s-check.py FILE VERSION...            schemas of these versions, and our own rules
k8s-check.py --same-rules ALERTS RULES  the two hold the same alerts
k8s-check.py --same-jobs SCRAPES MONITORS FILE...
                                        the two scrape the same jobs, and rules and dashboards name no others
"""

import re
import sys

import kubernetes_validate
import yaml

# Of operators that the cluster may have; their schemas are not among the published ones.
FOREIGN = {"ServiceMonitor", "PrometheusRule"}
PROBED = {"Deployment", "StatefulSet"}
SECRET_WORDS = ("password", "secret", "token", "private", "vault")


def pod_template(document):
    if document["kind"] in {"Deployment", "StatefulSet", "DaemonSet", "Job"}:
        return document["spec"]["template"]
    if document["kind"] == "CronJob":
        return document["spec"]["jobTemplate"]["spec"]["template"]
    return document if document["kind"] == "Pod" else None


def container_faults(kind, container):
    security = container.get("securityContext", {})
    resources = container.get("resources", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "writes to its root"
    if security.get("capabilities", {}).get("drop") != ["ALL"] or security.get("capabilities", {}).get("add"):
        yield "has capabilities"
    if security.get("privileged"):
        yield "is privileged"
    if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
        yield "has no requests of cpu and memory, or no limit of memory"
    if kind in PROBED:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe not in container:
                yield f"has no {probe}"
    for variable in container.get("env", []):
        named = variable["name"].lower()
        is_file = named.endswith("_file") and str(variable.get("value", "")).startswith("/")
        if any(word in named for word in SECRET_WORDS) and not is_file:
            yield f"has a secret in its environment: {variable['name']}"
        if "secretKeyRef" in variable.get("valueFrom", {}):
            yield f"has a secret in its environment: {variable['name']}"
    for source in container.get("envFrom", []):
        if "secretRef" in source:
            yield "has a secret in its environment"


def pod_faults(kind, template):
    spec = template["spec"]
    security = spec.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield "may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "has a token of the Kubernetes API"
    if spec.get("enableServiceLinks") is not False:
        yield "has variables of services, which the programs take for settings"
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares the host's namespaces"
    for volume in spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        if not kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}:
            yield f"has a volume of kind {kinds}"
    if kind == "Deployment" and not spec.get("topologySpreadConstraints"):
        yield "is not spread over hosts"
    for container in spec["containers"] + spec.get("initContainers", []):
        for fault in container_faults(kind, container):
            yield f"container {container['name']} {fault}"


def node_faults(documents):
    """What holds for all of it together."""
    kinds = [document["kind"] for document in documents]
    if "Secret" in kinds:
        yield "has a Secret: secrets are made by the operator"
    for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"):
        if kind in kinds:
            yield f"has a {kind}: no pod talks to the Kubernetes API"
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]
    if not any(p["podSelector"] == {} and "ingress" not in p and set(p["policyTypes"]) == {"Ingress", "Egress"} for p in policies):
        yield "does not deny all traffic by default"
    budgets = [d["spec"]["selector"]["matchLabels"] for d in documents if d["kind"] == "PodDisruptionBudget"]
    for document in documents:
        if document["kind"] == "Deployment" and document["spec"]["selector"]["matchLabels"] not in budgets:
            yield f"Deployment {document['metadata']['name']} has no PodDisruptionBudget"
    for document in documents:
        volumes = pod_template(document)["spec"].get("volumes", []) if pod_template(document) else []
        has_vault = any(volume.get("secret", {}).get("secretName") == "quantumgate-vault" for volume in volumes)
        if has_vault and document["metadata"]["name"] != "quantumgate-database":
            yield f"{document['kind']} {document['metadata']['name']} has the vault key, which only the database service needs"
    labels = [pod_template(d)["metadata"]["labels"] for d in documents if pod_template(d)]
    for document in documents:
        if document["kind"] == "Service":
            selector = document["spec"]["selector"].items()
            if not any(selector <= pod.items() for pod in labels):
                yield f"Service {document['metadata']['name']} selects no pod"


def check(path, versions):
    with open(path, encoding="utf-8") as file:
        documents = [document for document in yaml.safe_load_all(file) if document]
    faults = list(node_faults(documents))
    validated = 0
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        template = pod_template(document)
        if template:
            faults += [f"{name} {fault}" for fault in pod_faults(document["kind"], template)]
        if document["kind"] in FOREIGN:
            continue
        for version in versions:
            try:
                kubernetes_validate.validate(document, version, strict=True)
                validated += 1
            except kubernetes_validate.ValidationError as error:
                faults.append(f"{name}, Kubernetes {version}: {error.message} at {list(error.path)}")
    for fault in faults:
        print(f"{path}: {fault}")
    print(f"{path}: {len(documents)} documents, {validated} validations, {len(faults)} faults")
    return not faults


def has_same_rules(alerts, rules):
    with open(alerts, encoding="utf-8") as file:
        plain = yaml.safe_load(file)["groups"]
    with open(rules, encoding="utf-8") as file:
        wrapped = yaml.safe_load(file)["spec"]["groups"]
    if plain != wrapped:
        print(f"{alerts} and {rules} differ")
    return plain == wrapped


def has_same_jobs(scrapes, monitors, *users):
    with open(scrapes, encoding="utf-8") as file:
        jobs = {scrape["job_name"] for scrape in yaml.safe_load(file)["scrape_configs"]}
    # The monitor takes a Service's name label as its job.
    with open(monitors, encoding="utf-8") as file:
        monitor = yaml.safe_load(file)["spec"]
    (selected,) = [e["values"] for e in monitor["selector"]["matchExpressions"] if e["key"] == "app.kubernetes.io/name"]
    relabelled = {(rule["targetLabel"], *rule["sourceLabels"]) for e in monitor["endpoints"] for rule in e["relabelings"]}
    faults = []
    if jobs != set(selected) or relabelled != {("job", "__meta_kubernetes_service_label_app_kubernetes_io_name")}:
        faults.append(f"{scrapes} and {monitors} scrape other jobs: {sorted(jobs)}, {sorted(selected)}")
    for user in users:
        with open(user, encoding="utf-8") as file:
            named = re.findall(r'job(?:=~?\\?"|: )([a-z0-9|_-]+)', file.read())
        others = {job for names in named for job in names.split("|")} - jobs
        if others or not named:
            faults.append(f"{user} names jobs that nobody scrapes, or none: {sorted(others)}")
    for fault in faults:
        print(fault)
    return not faults


if sys.argv[1] == "--same-jobs":
    sys.exit(0 if has_same_jobs(*sys.argv[2:]) else 1)
if sys.argv[1] == "--same-rules":
    sys.exit(0 if has_same_rules(*sys.argv[2:4]) else 1)
sys.exit(0 if check(sys.argv[1], sys.argv[2:]) else 1)
