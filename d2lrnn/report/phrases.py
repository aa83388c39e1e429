"""The phrases of the report, in English and in Chinese."""
from d2lrnn.basics.language import readers_language
from d2lrnn.report.labels import without_glyph

__all__ = ["CHINESE", "language_of_pictures", "say", "without_font"]

# English phrase -> Chinese phrase, with the same {names} and the terms of the
# book's first edition
CHINESE = {
    # throughout the report
    "Perplexity report: {names}": "困惑度报告：{names}",
    "perplexity": "困惑度",
    "perplexity on the training text": "训练文本上的困惑度",
    "epoch": "迭代周期",
    "perplexity per epoch": "各个迭代周期的困惑度",
    "uniform guess": "均匀猜测",
    "unigram guess": "按频率猜测",
    "bigram guess": "按二元语法猜测",
    "trigram guess": "按三元语法猜测",
    "How to repeat it": "如何重复这次训练",
    # pictures
    "norm of the gradient": "梯度的范数",
    "{label}, held out": "{label}（留出文本）",
    "{label}, clipped": "{label}（裁剪后）",
    "{guess}{more} ({value})": "{guess}{more}（{value}）",
    "{label}: epoch {epoch:g}, {value:.4g}":
        "{label}：第 {epoch:g} 个迭代周期，{value:.4g}",
    "mean norm of the gradient per epoch, before and after clipping":
        "各个迭代周期的平均梯度范数，裁剪前和裁剪后",
    # the training text
    "{source} ({sizes})": "{source}（{sizes}）",
    "{text}; held out: {other}": "{text}；留出文本：{other}",
    ", ": "，",
    "; ": "；",
    "{number:,} characters": "{number:,} 个字符",
    "{number:,} tokens": "{number:,} 个词元",
    "{number:,} distinct": "词典大小为 {number:,}",
    "characters": "字符",
    "tokens": "词元",
    " or ": "或",
    # the page
    "Text: {texts}. The perplexity is the number of equally likely {units} "
    "that a model is, in effect, choosing between: on the training text it "
    "shows how well the text was learned by heart, on held-out text how well "
    "the model predicts what it has not seen.{apart}":
        "文本：{texts}。困惑度相当于模型在多少个等可能的{units}之间选择："
        "训练文本上的困惑度说明模型把这份文本背得有多熟，留出文本上的困惑度"
        "说明模型对没有见过的内容预测得有多准。{apart}",
    " If one text is read as characters and another as words, their bits a "
    "character can be compared; their perplexities cannot.":
        "如果一份文本按字符读取，另一份按词读取，那么可以比较它们的每字符"
        "比特数，但不能比较它们的困惑度。",
    "Results": "结果",
    "held out, at its best": "留出文本上最低",
    "bits a character": "每字符比特数",
    "epochs": "迭代周期数",
    "seconds an epoch": "秒/迭代周期",
    "characters a second": "每秒字符数",
    "tokens a second": "每秒词元数",
    "Settings": "设置",
    "Studio": "工作室",
    "Let the best model write, and look inside":
        "让最好的模型续写，并查看其内部",
    "differs": "不同",
    "Samples": "写出的文本",
    "{label}, epoch {epoch}, perplexity {perplexity}":
        "{label}，第 {epoch} 个迭代周期，困惑度 {perplexity}",
    # the environment of a run
    "system": "操作系统",
    "cpu": "处理器",
    "cores": "核数",
    "threads": "线程数",
    "all": "全部",
    "date": "日期",
    "seed": "随机种子",
    "command": "命令",
    "text sha256": "文本的 sha256",
    # Markdown
    "Text: {text}. The perplexity is the one on the training text: it shows "
    "how well the text was learned by heart, not how well another text would "
    "be predicted.":
        "文本：{text}。这里的困惑度是训练文本上的：它说明模型把这份文本背得"
        "有多熟，而不是预测另一份文本会有多准。",
    "seconds per epoch": "每个迭代周期的秒数",
    "characters per second": "每秒字符数",
    "tokens per second": "每秒词元数",
    "On the text held out, at its best (`<unk>`: the share of what training "
    "never saw):":
        "留出文本上的最好结果（`<unk>`：训练时从未见过的内容所占的份额）：",
    "bits per character": "每字符比特数",
    "Lyrics, {label}": "写出的歌词：{label}",
    # printed lines
    "text: {source}": "文本：{source}",
    "sec/epoch": "秒/迭代周期",
    "characters/s": "字符/秒",
    "tokens/s": "词元/秒",
    "on held-out text, at its best": "留出文本上的最好结果",
    "bits/char": "比特/字符",
    "report: {path}": "报告：{path}",
}


def say(phrase, language=None, **values):
    """Return an English phrase in a language, with its ``values`` filled in.

    The language is "en" or "zh", by default the reader's. A phrase without a
    translation, such as the name of a package, stays in English.

    >>> say("{number:,} tokens", "zh", number=1027)
    '1,027 个词元'
    >>> say("numpy", "zh")
    'numpy'
    """
    if (language or readers_language()) == "zh":
        phrase = CHINESE.get(phrase, phrase)
    return phrase.format(**values) if values else phrase


def without_font():
    """Return the Chinese characters of the phrases that no font has, sorted.

    The list is empty if the reader's language is English.
    """
    return (without_glyph(CHINESE.values()) if readers_language() == "zh"
            else [])


def language_of_pictures():
    """Return the reader's language, or "en" if no font has its characters."""
    return "en" if without_font() else readers_language()
