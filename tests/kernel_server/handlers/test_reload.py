"""Putting model configurations in force: models come and go, versions roll, labels move."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support.reloading import Bench
from support.stubs import model_config

from kernel_server.core.manager import ServableNotFound
from kernel_server.core.state import State
from kernel_server.core.status_text import ModelsUnavailable
from kernel_server.errors import InvalidArgument, ServingError
from kernel_server.handlers.config_file import ConfigFile
from kernel_server.handlers.models import UnknownLabel
from kernel_server.handlers.reload import LabelOnUnavailableVersion, PlatformChanged, ReloadHandler
from kernel_server.sources.file_system import FileSystemSource

Half = Callable[..., Path]


class TestModels:
    async def test_apply_returns_when_all_new_models_answer(self, bench: Bench, half: Half) -> None:
        await bench.apply(model_config("a", half(1, name="a")), model_config("b", half(2, name="b")))
        assert (bench.predict("a"), bench.predict("b")) == (3.0, 4.0)

    async def test_a_model_that_is_left_out_goes(self, bench: Bench, half: Half) -> None:
        a, b = model_config("a", half(1, name="a")), model_config("b", half(2, name="b"))
        await bench.apply(a, b)
        await bench.apply(b)
        await bench.until(lambda: bench.state("a", 1) is State.END, "a has ended")
        with pytest.raises(ServableNotFound, match=r"Latest\(a\)"):
            bench.predict("a")
        assert bench.predict("b") == 4.0

    async def test_the_same_again_changes_nothing(self, bench: Bench, half: Half) -> None:
        config = model_config("a", half(1, name="a"))
        await bench.apply(config)
        await bench.apply(config)
        assert bench.predict("a") == 3.0

    async def test_no_models_at_all(self, bench: Bench) -> None:
        await bench.apply()
        assert bench.manager.names() == ()

    async def test_a_model_without_versions_is_waited_for(self, bench: Bench, half: Half) -> None:
        applying = asyncio.create_task(bench.apply(model_config("a", half(name="a"))))
        await bench.until(lambda: bool(bench.reload.config.models), "the configuration is in force")
        assert not applying.done()
        half(2, name="a")
        await applying
        assert bench.predict("a") == 4.0


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "kind", "message"),
        [
            (lambda c: [c, c], InvalidArgument, "Illegal to list model a multiple times in config list"),
            (
                lambda c: [model_config("a", "relative/path")],
                InvalidArgument,
                "Expected model a to have an absolute path or URI; got base_path()=relative/path",
            ),
        ],
    )
    async def test_a_configuration_that_cannot_be_changes_nothing(
        self,
        bench: Bench,
        half: Half,
        change: Callable[..., list[object]],
        kind: type[ServingError],
        message: str,
    ) -> None:
        config = model_config("a", half(1, name="a"))
        await bench.apply(config)
        before = bench.reload.config
        with pytest.raises(kind) as caught:
            await bench.apply(*change(config))
        assert caught.value.message.startswith(message)
        assert bench.reload.config == before
        assert bench.predict("a") == 3.0

    async def test_a_model_keeps_its_platform(self, bench: Bench, half: Half) -> None:
        config = model_config("a", half(1, name="a"))
        await bench.apply(config)
        config.model_platform = "other"
        with pytest.raises(PlatformChanged, match="For model a platform was tensorflow"):
            await bench.apply(config)

    async def test_an_unknown_platform(self, bench: Bench, half: Half) -> None:
        config = model_config("a", half(1, name="a"))
        config.model_platform = "caffe"
        with pytest.raises(InvalidArgument, match="Model a requests unsupported platform caffe"):
            await bench.apply(config)

    async def test_a_broken_model_is_told_and_the_others_serve(self, bench: Bench, half: Half) -> None:
        broken = half(name="broken")
        (broken / "1").mkdir()
        with pytest.raises(ModelsUnavailable) as caught:
            await bench.apply(model_config("a", half(1, name="a")), model_config("broken", broken))
        assert caught.value.message.startswith(
            "1 servable(s) did not become available: {{name: broken version: 1} due to error: NOT_FOUND: "
            "Could not find SavedModel .pb or .pbtxt at supplied export directory path"
        )
        assert bench.predict("a") == 3.0


class TestVersions:
    async def test_the_latest_is_served_and_rolls_when_a_new_one_appears(
        self, bench: Bench, half: Half
    ) -> None:
        await bench.apply(model_config("a", half(1, name="a")))
        half(2, name="a")
        await bench.until(lambda: bench.manager.available("a") == (2,), "version 2 is alone")
        assert bench.predict("a") == 4.0
        assert bench.state("a", 1) is State.END

    async def test_all(self, bench: Bench, half: Half) -> None:
        await bench.apply(model_config("a", half(1, 2, name="a"), "all"))
        await bench.until(lambda: bench.manager.available("a") == (2, 1), "both are available")
        assert (bench.predict("a"), bench.predict("a", 1)) == (4.0, 3.0)

    async def test_a_policy_switches_versions_there_and_back(self, bench: Bench, half: Half) -> None:
        path = half(1, 2, name="a")
        for version, answer in ((1, 3.0), (2, 4.0), (1, 3.0)):
            await bench.apply(model_config("a", path, [version]))
            await bench.until(
                lambda wanted=version: bench.manager.available("a") == (wanted,),  # type: ignore[misc]
                f"version {version} is alone",
            )
            assert bench.predict("a") == answer

    async def test_a_corrupt_version_leaves_the_old_one_live(self, bench: Bench, half: Half) -> None:
        path = half(1, name="a")
        await bench.apply(model_config("a", path))
        (path / "2").mkdir()
        (path / "2" / "saved_model.pb").write_text("corrupt")
        await bench.until(lambda: bench.state("a", 2) is State.END, "version 2 has failed")
        assert bench.predict("a") == 3.0
        (failed, _) = bench.manager.monitor.versions("a")
        assert failed.error is not None
        assert str(path / "2") in failed.error.message

    async def test_a_base_path_that_vanishes_leaves_the_model_live(
        self, bench: Bench, half: Half, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = half(1, name="a")
        await bench.apply(model_config("a", path))
        shutil.rmtree(path)
        message = f"Could not find base path {path} for servable a"
        await bench.until(lambda: message in caplog.text, "the missing folder is told")
        assert bench.predict("a") == 3.0


class TestLabels:
    async def test_labels_name_versions(self, bench: Bench, half: Half) -> None:
        path = half(1, 2, name="a")
        await bench.apply(model_config("a", path, "all"))
        await bench.until(lambda: bench.manager.available("a") == (2, 1), "both are available")
        await bench.apply(model_config("a", path, "all", stable=1, canary=2))
        assert (bench.predict("a", label="stable"), bench.predict("a", label="canary")) == (3.0, 4.0)

    async def test_labels_are_replaced_as_a_whole(self, bench: Bench, half: Half) -> None:
        path = half(1, name="a")
        await bench.apply(model_config("a", path))
        await bench.apply(model_config("a", path, stable=1))
        await bench.apply(model_config("a", path, best=1))
        assert bench.predict("a", label="best") == 3.0
        with pytest.raises(UnknownLabel, match="Unrecognized servable version label: stable"):
            bench.predict("a", label="stable")

    async def test_a_label_needs_a_version_that_answers(self, bench: Bench, half: Half) -> None:
        path = half(1, name="a")
        await bench.apply(model_config("a", path))
        before = bench.reload.config
        with pytest.raises(LabelOnUnavailableVersion, match="label to version 2 of model a, which is not"):
            await bench.apply(model_config("a", path, stable=2))
        assert bench.reload.config == before

    async def test_a_new_model_may_come_with_labels(self, bench: Bench, half: Half) -> None:
        """TensorFlow Serving looks at labels before anything is loaded, and refuses that."""
        await bench.apply(model_config("a", half(1, name="a"), stable=1))
        assert bench.predict("a", label="stable") == 3.0

    async def test_a_label_waits_for_its_version_and_says_so(self, bench: Bench, half: Half) -> None:
        path = half(1, name="a")
        config = model_config("a", path, "all", stable=1, canary=2)
        await bench.apply(config)
        expected = (
            "Servable not found for request: Specific(a, 2). Label canary waits for version 2, which has not "
            "appeared. Available versions of a: 1."
        )
        with pytest.raises(ServableNotFound, match=re.escape(expected)):
            bench.predict("a", label="canary")
        await bench.apply(config, model_config("b", half(1, name="b")))
        half(2, name="a")
        await bench.until(lambda: bench.manager.available("a") == (2, 1), "version 2 is available")
        assert bench.predict("a", label="canary") == 4.0

    async def test_a_label_that_waits_for_a_broken_version_tells_why(self, bench: Bench, half: Half) -> None:
        path = half(1, name="a")
        config = model_config("a", path, "all", canary=2)
        await bench.apply(config)
        (path / "2").mkdir()
        await bench.until(lambda: bench.state("a", 2) is State.END, "version 2 has failed")
        with pytest.raises(ServableNotFound, match="version 2, which is END: Could not find SavedModel"):
            bench.predict("a", label="canary")
        await bench.apply(config)

    async def test_a_label_does_not_wait_for_a_version_that_went(self, bench: Bench, half: Half) -> None:
        path = half(1, 2, name="a")
        await bench.apply(model_config("a", path, "all", stable=1))
        await bench.until(lambda: bench.manager.available("a") == (2, 1), "both are available")
        await bench.apply(model_config("a", path, [2], stable=1))
        await bench.until(lambda: bench.state("a", 1) is State.END, "version 1 is gone")
        with pytest.raises(LabelOnUnavailableVersion):
            await bench.apply(model_config("a", path, [2], stable=1))

    async def test_unless_new_labels_may_name_what_is_not_there_yet(self, bench: Bench, half: Half) -> None:
        lenient = ReloadHandler(
            bench.manager,
            bench.models,
            bench.reload._platforms,
            partial(FileSystemSource, poll_seconds=0.0),
            allow_labels_for_unavailable=True,
        )
        bench = Bench(bench.manager, bench.models, lenient)
        await bench.apply(model_config("a", half(1, name="a")))
        await bench.apply(model_config("a", half(name="a"), stable=2))
        with pytest.raises(ServableNotFound, match="Label stable waits for version 2"):
            bench.predict("a", label="stable")
        with pytest.raises(LabelOnUnavailableVersion):
            await bench.apply(model_config("a", half(name="a"), stable=3))


class TestConfigFile:
    @staticmethod
    def text(**base_paths: Path) -> str:
        configs = [
            f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" }}'
            for name, path in base_paths.items()
        ]
        return "\n".join(["model_config_list {", *configs, "}"])

    async def test_what_the_file_says_is_put_in_force(
        self, bench: Bench, half: Half, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        a, b = half(1, name="a"), half(2, name="b")
        file = tmp_path / "models.txt"
        file.write_text(self.text(a=a))
        watching = asyncio.create_task(ConfigFile(file, bench.reload).watch(0.02))
        await bench.until(lambda: bench.manager.names() == ("a",), "a serves")

        file.write_text(self.text(a=a).replace("base_path", "base_pth"))
        await bench.until(lambda: "base_pth" in caplog.text, "the typo is told")
        assert bench.predict("a") == 3.0

        file.write_text(self.text(a=a, b=tmp_path / "mistyped"))
        await bench.until(lambda: "mistyped" in caplog.text, "the missing base path is told")
        file.write_text(self.text(a=a, b=b))
        await bench.until(lambda: bench.manager.names() == ("a", "b"), "b serves too")

        file.unlink()
        await bench.until(lambda: f"Cannot read '{file}'" in caplog.text, "the missing file is told")
        assert (bench.predict("a"), bench.predict("b")) == (3.0, 4.0)
        watching.cancel()
