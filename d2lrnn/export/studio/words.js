// What the page says, in two languages.

const WORDS_EN = {
  title: "d2lrnn studio", language: "Language", open: "Open a model …",
  second: "Open a second one …", replace: "Replace the second one …", remove: "Close",
  writes: "The model that writes",
  facts: "{cell}, {layers} × {hiddens}, {vocab} in its vocabulary",
  text: "Text", write: "Write", stop: "Stop", step: "One step", undo: "Undo",
  temperature: "Temperature", "top k": "Top k", "top p": "Top p",
  seed: "Seed", length: "Length", until: "Stop at", save: "Save the text",
  keys: "Ctrl + Enter writes. In the text below, ← and → move from one character to the next.",
  "as read": "As the model reads it", colour: "Colour", surprise: "surprise",
  unit: "a unit", gradient: "what led to a prediction",
  difference: "the second model's surprise minus the first's",
  none: "nothing",
  measured: "{name}: perplexity {perplexity}, {bits} bits a character over {count} predictions",
  unknown: "Not in its vocabulary: {count}",
  "next": "The next character", "at place": "Expected at place {place}",
  first: "The first character is given, not predicted.",
  "was": "{token}: {bits} bits, rank {rank}", "was unknown": "{token} is not in the vocabulary.",
  instead: "A click takes a character, and leaves out what followed.",
  inside: "Inside", layer: "Layer", letter: "Array", "hidden unit": "Unit",
  hold: "Hold it, when the model writes, at", picture: "Save the picture",
  heat: "Each row is a unit, each column a character: blue is negative, orange positive, and the strongest colour is 1 or the largest value in the row.",
  find: "Find units that follow", search: "Search", pattern: "a pattern",
  "pattern text": "Regular expression", space: "spaces", newline: "line ends",
  "place in line": "the place in the line", "in quotes": "what is in quotation marks",
  vowel: "vowels", capital: "capital letters",
  "found": "{letter}, layer {layer}, unit {unit}: {correlation}",
  "nothing to find": "The property is the same everywhere in this text: give a text in which it changes.",
  "bad pattern": "The pattern is no regular expression ({what}): mend it.",
  "broken file": "The file is not a whole model ({what}): get a new copy of it.",
  "foreign file": "The file was not written by d2lrnn: open a checkpoint that was.",
  "other model": "The file holds a {what}: open one with a CharRNN.",
  "bad number": "{name}: {what}",
  "slow pattern": "The pattern takes more than 3 seconds: give a simpler one.",
  "other tokens": "The two models cut the text in different ways: compare models of the same level.",
  "no rule": "The model's tokens are cut by no rule: open a model of characters or words.",
  "no vocabulary": "The model has no vocabulary: save it again after setting its idx_to_char.",
  "too large": "The file has more than 500 MB: open a smaller one.",
  "too long": "Only the first {count} are read: the page keeps each step's states.",
  "nothing known": "The model knows nothing of this text: type characters of its vocabulary.",
  opened: "{name} is open.", wrote: "{count} written, {speed} a second.",
  seeds: "The same seed writes the same here, but not in Python.",
};
const WORDS_ZH = {
  title: "d2lrnn 工作室", language: "语言", open: "打开模型……",
  second: "打开第二个模型……", replace: "更换第二个模型……", remove: "关闭",
  writes: "由哪个模型续写",
  facts: "{cell}，{layers} × {hiddens}，词表大小 {vocab}",
  text: "文本", write: "续写", stop: "停止", step: "写一个", undo: "撤销",
  temperature: "温度", "top k": "Top-k", "top p": "Top-p",
  seed: "随机种子", length: "长度", until: "遇到即止", save: "保存文本",
  keys: "按 Ctrl + Enter 续写；在下方文本中用 ← 和 → 逐字移动。",
  "as read": "模型眼中的文本", colour: "着色", surprise: "意外程度",
  unit: "一个单元", gradient: "预测的依据",
  difference: "第二个模型的意外程度减去第一个的",
  none: "无",
  measured: "{name}：困惑度 {perplexity}，每字符 {bits} 比特，共 {count} 次预测",
  unknown: "不在其词表中：{count} 个",
  "next": "下一个字符", "at place": "第 {place} 个位置的预测",
  first: "第一个字符是给定的，不作预测。",
  "was": "{token}：{bits} 比特，第 {rank} 名", "was unknown": "{token} 不在词表中。",
  instead: "点击某个字符，即从此处改写，其后的内容略去。",
  inside: "模型内部", layer: "层", letter: "数组", "hidden unit": "单元",
  hold: "续写时将它固定为", picture: "保存图片",
  heat: "每行是一个单元，每列是一个字符：蓝色为负，橙色为正，颜色最深处为 1 或该行的最大值。",
  find: "查找跟随以下性质的单元", search: "查找", pattern: "模式",
  "pattern text": "正则表达式", space: "空格", newline: "行尾",
  "place in line": "在行中的位置", "in quotes": "引号内的文字",
  vowel: "元音字母", capital: "大写字母",
  "found": "{letter}，第 {layer} 层，单元 {unit}：{correlation}",
  "nothing to find": "这一性质在整段文本中处处相同：请换一段它有变化的文本。",
  "bad pattern": "模式不是正则表达式（{what}）：请改正。",
  "broken file": "文件不是完整的模型（{what}）：请重新获取。",
  "foreign file": "文件不是由 d2lrnn 写出的：请打开它写出的检查点。",
  "other model": "文件中是 {what}：请打开 CharRNN 的文件。",
  "bad number": "{name}：{what}",
  "slow pattern": "查找这个模式超过了 3 秒：请换一个简单些的。",
  "other tokens": "两个模型切分文本的方式不同：请比较同一层级的模型。",
  "no rule": "这个模型的词元没有切分规则：请打开字符级或词级的模型。",
  "no vocabulary": "模型没有词表：请设置 idx_to_char 后重新保存。",
  "too large": "文件大于 500 MB：请打开小一些的文件。",
  "too long": "只读前 {count} 个：页面要保存每一步的状态。",
  "nothing known": "模型不认识这段文本：请输入词表中的字符。",
  opened: "已打开 {name}。", wrote: "写了 {count} 个，每秒 {speed} 个。",
  seeds: "同一种子在这里写出相同的文本，但与 Python 的不同。",
};
const LANGUAGES = { en: WORDS_EN, zh: WORDS_ZH };
let language = /^zh/i.test(document.documentElement.lang || navigator.language)
  ? "zh" : "en";

function say(key, values = {}) {
  return LANGUAGES[language][key].replace(/\{(\w+)\}/g, (_, name) =>
    values[name]);
}

// Put the words into all elements that name them.
function sayAll() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-say]")) {
    element.textContent = say(element.dataset.say);
  }
}
