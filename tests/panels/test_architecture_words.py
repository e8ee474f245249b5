from cnnviz.nets.layer_table import ConvolutionRow
from cnnviz.panels.architecture_words import count_words, field_words, row_words


def test_words():
    assert [count_words(value) for value in (0, 416, 9_999, 12_832, 114_314, 999_700, 2_923_392, 4.1e9)] == [
        *("0", "416", "9,999", "12.8k", "114k", "1.00M", "2.92M", "4.10G")
    ]
    row = ConvolutionRow(
        name="a", channels=None, kernel_size=(3, 5), padding="same", padding_mode="circular", bias=False
    )
    assert row_words(row) == "classes × 3×5, same periodic, no bias"
    assert field_words(None) == ("—", "—")
