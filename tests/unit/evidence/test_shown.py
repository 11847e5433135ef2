"""What is shown of a modality is said once, for each of them."""

from umui.evidence.shown import HEARS, SEES, SHOWN
from umui.tables import MODALITIES


def test_each_modality_is_told_apart_by_its_streams() -> None:
    assert tuple(SHOWN) == MODALITIES
    assert {modality: (modality in SEES, modality in HEARS) for modality in MODALITIES} == {
        "text": (False, False), "audio": (False, True), "video": (True, False), "audiovisual": (True, True),
    }  # fmt: skip
