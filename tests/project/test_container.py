"""The container: its scripts, and its steps in a bare Debian system."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(ROOT.glob("docker/*.sh"))
SUITE = "bookworm"  # the Debian whose Python is 3.11
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def instructions():
    """Return the instructions of the Dockerfile: (name, argument) pairs."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    return [tuple(line.split(None, 1)) for line in lines
            if line and not line.startswith("#")]


def arguments_of(name):
    """Return the arguments of all instructions that have a name."""
    return [argument for found, argument in instructions() if found == name]


def in_context():
    """Return the names that .dockerignore lets into the container."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert lines[1] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def copy_to(source, target):
    """Copy as COPY does: a file or folder, without what is ignored."""
    ignored = shutil.ignore_patterns("__pycache__", "runs")
    if source == ".":
        for name in in_context():
            copy_to(name, target / name)
    elif (ROOT / source).is_dir():
        shutil.copytree(ROOT / source, target, ignore=ignored,
                        dirs_exist_ok=True)
    else:
        shutil.copy(ROOT / source, target)


def test_the_dockerfile_names_what_is_there():
    assert all((ROOT / name).exists() for name in in_context())
    for argument in arguments_of("COPY"):
        source, target = argument.split()
        assert source in (".", *in_context())
        assert target in ("/opt/d2lrnn", f"/opt/d2lrnn/{source}")
    install = (ROOT / "docker" / "install.sh").read_text("utf-8")
    steps = re.findall(r"^(\w+)\)", install, re.MULTILINE)
    assert arguments_of("RUN") == [
        f"/opt/d2lrnn/docker/install.sh {step}" for step in steps]
    (entrypoint,), (command,) = (
        [json.loads(argument) for argument in arguments_of(name)]
        for name in ("ENTRYPOINT", "CMD"))
    assert entrypoint == ["/opt/d2lrnn/docker/entrypoint.sh"]
    assert command == ["python", "chapters/rnn_scratch.py"]
    assert (ROOT / command[1]).exists()
    assert all(os.access(path, os.X_OK) for path in SCRIPTS)


@pytest.mark.process
@pytest.mark.parametrize("path", [*SCRIPTS, ROOT / ".ci" / "run"],
                         ids=lambda path: path.name)
def test_the_scripts_are_sound(path):
    shell = path.read_text("utf-8").splitlines()[0].rsplit(None, 1)[-1]
    shell = shell.rsplit("/", 1)[-1]
    checks = [[shell, "-n"]] + [["shellcheck"]] * bool(
        shutil.which("shellcheck"))
    for check in checks:
        done = subprocess.run([*check, path], text=True, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.parametrize("step", [[], ["packages"]])
def test_an_unknown_step_is_refused(step):
    done = subprocess.run([ROOT / "docker" / "install.sh", *step], text=True,
                          capture_output=True)
    assert done.returncode == 2
    assert done.stderr == (f"the step is '{''.join(step)}': it must be "
                           f"libraries, user or package\n")


def debian_mirror():
    """Return the mirror that this Debian's apt uses; [] for debootstrap's."""
    if not shutil.which("apt-get"):
        return []
    release = dict(line.split("=", 1) for line in Path(
        "/etc/os-release").read_text().splitlines() if "=" in line)
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)",
         "Created-By: Packages"], check=True, text=True, capture_output=True)
    return [uri for suite, uri in map(str.split, targets.stdout.splitlines())
            if release["ID"] == "debian"
            and suite == release.get("VERSION_CODENAME")][:1]


@cache
def may_mount():
    """Return whether processes may have mounts of their own, as for /proc."""
    return subprocess.run(["unshare", "--mount", "true"],
                          stderr=subprocess.DEVNULL).returncode == 0


class Container:
    """What the Dockerfile makes, upon a bare system in a folder."""

    def __init__(self, root):
        self.root, self.user = root, "root"
        self.env = {"PATH": SYSTEM_PATH}
        self.workdir, self.command = "/", []

    def build(self, options):
        """Follow the Dockerfile; ``options`` are variables while it runs."""
        for name, argument in instructions():
            if name == "COPY":
                source, target = argument.split()
                copy_to(source, self.root / target.lstrip("/"))
            elif name == "RUN":
                self.run(shlex.split(argument), options)
            elif name == "ENV":
                key, value = argument.split("=", 1)
                self.env[key] = value.replace("$PATH", self.env["PATH"])
            elif name == "USER":
                self.user = argument
            elif name == "WORKDIR":
                self.workdir = argument
            elif name in ("ENTRYPOINT", "CMD"):
                self.command.append(json.loads(argument))
            else:
                assert name in ("FROM", "EXPOSE")

    def start(self, command, options=None, user=None):
        """Start a command in the system, which sees only its own files."""
        env = [f"{key}={value}" for key, value in {
            **self.env, **(options or {})}.items()]
        mount = ["unshare", "--mount", "sh", "-c",
                 'mount -t proc proc "$0/proc" && exec "$@"', self.root]
        enter = ["chroot", f"--userspec={user or self.user}", self.root,
                 "env", "-i", "-C", self.workdir]
        return subprocess.Popen(
            [*(mount if may_mount() else []), *enter, *env, *command],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command, options=None, user=None):
        """Run a command, and return what it prints."""
        process = self.start(command, options, user)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return output

    def entry(self, *command):
        """Return what docker run starts, given a command or none."""
        return self.command[0] + ([*command] or self.command[1])


def fetch_wheels(python, folder):
    """Fetch what the package needs, as this machine's pip is set up."""
    needed = [line for line in metadata.requires("d2lrnn")
              if "extra ==" not in line]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:",
         "--python-version", python, "-d", folder, *needed, "setuptools",
         "jupytext>=1.16"], check=True)


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    """The container, built upon a bare system that debootstrap makes."""
    if not shutil.which("debootstrap"):
        pytest.skip("apt-get install debootstrap")
    if os.getuid():
        pytest.skip("only root can make a system in a folder")
    if sys.version_info >= (3, 12):
        pytest.skip("pip fetches other packages for Python 3.12")
    root = tmp_path_factory.mktemp("container")
    subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=python3,python3-venv",
         SUITE, root, *debian_mirror()],
        check=True, stdout=subprocess.DEVNULL)
    root.chmod(0o755)
    built = Container(root)
    python = built.run(["python3", "-c", "import platform;"
                        "print(platform.python_version())"]).strip()
    fetch_wheels(python, root / "wheels")
    proxies = {name: value for name, value in os.environ.items()
               if name.lower() in ("http_proxy", "https_proxy", "no_proxy")}
    built.build({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", **proxies})
    yield built
    shutil.rmtree(root)


@pytest.mark.slow
@pytest.mark.process
def test_the_container_runs_the_main_lesson(container):
    printed = container.run(container.entry(), {"D2LRNN_EPOCHS": "1"})
    assert re.search(r"\nepoch 1, perplexity .*\n - 分开", printed)
    assert "\n  consecutive sampling " in printed
    (report,) = container.root.glob("home/reader/runs/*/report.html")
    assert f"report: /home/reader/runs/{report.parent.name}\n" in printed
    assert report.stat().st_uid == 1000


@pytest.mark.slow
@pytest.mark.process
def test_the_container_is_sound_for_any_user(container):
    printed = container.run(container.entry("d2lrnn", "doctor"),
                            user="4321:4321")
    assert "MXNet imports and computes" in printed
    assert "\nwrong" not in printed


@pytest.mark.slow
@pytest.mark.process
def test_the_container_says_that_runs_cannot_be_written(container):
    runs = container.root / "home" / "reader" / "runs"
    runs.chmod(0o755)
    try:
        process = container.start(container.entry("true"), user="4321:4321")
        printed, _ = process.communicate()
    finally:
        runs.chmod(0o1777)
    assert process.returncode == 1
    assert printed == (
        'user 4321 cannot write to /home/reader/runs: make the folder before '
        'docker run does, and add --user "$(id -u):$(id -g)"\n')


@pytest.mark.slow
@pytest.mark.process
def test_the_container_opens_the_lessons_in_jupyter(container):
    if not may_mount():
        pytest.skip("Jupyter needs /proc, which cannot be mounted here")
    process = container.start(container.entry(
        "notebook", "--IdentityProvider.token=lessons", "--port=18888",
        "--ServerApp.port_retries=0"), user="4321:4321")
    try:
        page = answer_of("http://127.0.0.1:18888/api/contents?token=lessons",
                         process)
    finally:
        process.terminate()
        process.communicate()
    lessons = {path.stem for path in ROOT.glob("chapters/*.py")}
    assert {*re.findall(r'"path": "(\w+)\.ipynb"', page)} == lessons
    container.run(
        container.entry("jupyter", "execute",
                        "runs/notebooks/lang_model_dataset.ipynb"),
        {"D2LRNN_EPOCHS": "1"}, user="4321:4321")


def answer_of(url, process):
    """Return what a server answers, once it has started."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.1)
    raise AssertionError("no answer in 30 seconds")
