"""What a recogniser wrote, brought to one form: widths, case, script, spaces.

Also how Chinese sounds: recognisers mistake words for others that sound alike, so
text is compared by sound too (toneless pinyin, with the contrasts that a telephone
and most accents blur laid together).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from pypinyin import Style, lazy_pinyin, pinyin

HAN = re.compile(r"[\u3400-\u9fff]")
RUN = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")
# what is no letter; points, commas and colons inside a number are
INSIDE_ZH = re.compile(r"(?!(?<=\d)[.:,](?=\d))[^\w%$¥]|_")
INSIDE_EN = re.compile(r"(?!(?<=\d)[.:,](?=\d))[^\w%$¥']|_")
# characters Whisper writes in the traditional form at times -> simplified
TRADITIONAL = (
    "這個們來說話電號碼錯誤張會點還錢後時間現嗎麼嗎誰哪裡裏請問實證認識對開關聯係繫給過進"
    "貸債務欠額償賬帳單費銀訴訟報師傅經濟機器專員轉線聽聲見覺驗學業務員應該當樣雙買賣賺"
    "貴網絡絕無許讓議協調權責賠損壞險難題類條約書紙寫讀記錄錄音頻視覽節約車輛輕運連遠達"
    "達違遲適選遺產屬親屬婦媽爺奶孫兒歲幾萬億塊兩參與興舉動勞務廠場廳處備複復習慣愛憂慮"
    "懷恐懼癌癥療醫藥養護傷殘氣淨災禍離別國際區縣鄉鎮門牌樓層職務資訊詐騙騷擾擔憑據據證"
    "簽約總統計劃畫圖團隊師長期間隔壓變態煩惱腦頭臉體檢查詢問諮詢價值減免輸贏滿漲跌緊急"
    "慢鬆緩終結續繼絡誠懇謝謝讚賞罰歡樂鐘鍾飯館館裝載試試驗詞語謊識課談論評詳細麗華葉陳"
    "劉楊趙黃吳孫馬羅鄭韓馮鄧許蕭閻蘇盧蔣賈魯韋夠夥僅儘盡佔衝沖決況凍幫從眾優傳傭債傾僑"
    "於為樂喬亂爭虧產畝褻僉義習書雲亞產"
)
SIMPLE = (
    "这个们来说话电号码错误张会点还钱后时间现吗么吗谁哪里里请问实证认识对开关联系系给过进"
    "贷债务欠额偿账账单费银诉讼报师傅经济机器专员转线听声见觉验学业务员应该当样双买卖赚"
    "贵网络绝无许让议协调权责赔损坏险难题类条约书纸写读记录录音频视览节约车辆轻运连远达"
    "达违迟适选遗产属亲属妇妈爷奶孙儿岁几万亿块两参与兴举动劳务厂场厅处备复复习惯爱忧虑"
    "怀恐惧癌症疗医药养护伤残气净灾祸离别国际区县乡镇门牌楼层职务资讯诈骗骚扰担凭据据证"
    "签约总统计划画图团队师长期间隔压变态烦恼脑头脸体检查询问咨询价值减免输赢满涨跌紧急"
    "慢松缓终结续继络诚恳谢谢赞赏罚欢乐钟钟饭馆馆装载试试验词语谎识课谈论评详细丽华叶陈"
    "刘杨赵黄吴孙马罗郑韩冯邓许萧阎苏卢蒋贾鲁韦够伙仅尽尽占冲冲决况冻帮从众优传佣债倾侨"
    "于为乐乔乱争亏产亩亵佥义习书云亚产"
)
SIMPLIFY = str.maketrans(TRADITIONAL, SIMPLE)
# where one character has several common readings, all of them count
READINGS = {
    "还": "hai huan",
    "行": "xing hang",
    "了": "le liao",
    "得": "de dei",
    "地": "de di",
    "着": "zhe zhao",
    "长": "chang zhang",
    "重": "zhong chong",
    "都": "dou du",
    "没": "mei mo",
    "给": "gei ji",
    "谁": "shei shui",
    "什": "shen shi",
    "调": "tiao diao",
    "觉": "jue jiao",
    "乐": "le yue",
    "差": "cha chai",
    "便": "bian pian",
    "号": "hao",
    "数": "shu",
    "系": "xi ji",
    "转": "zhuan",
    "哪": "na nei",
    "那": "na nei",
    "这": "zhe zhei",
    "会": "hui kuai",
    "处": "chu",
    "分": "fen",
    "假": "jia",
    "空": "kong",
    "少": "shao",
    "薄": "bao bo",
    "单": "dan",
    "朝": "chao zhao",
}
BLURRED = (
    (re.compile("^zh"), "z"),
    (re.compile("^ch"), "c"),
    (re.compile("^sh"), "s"),
    (re.compile("^l(?!v)"), "n"),
    (re.compile("ng$"), "n"),
)
FIRST = 0xE000  # sounds are written as private-use characters, one a syllable
_sounds: dict[str, str] = {}


def plain(text: str, language: str) -> str:
    """One width, lower case, simplified characters, single spaces; words unchanged."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    if language == "zh":
        text = text.translate(SIMPLIFY)
    return " ".join(text.split())


def letters(text: str, language: str) -> str:
    """`plain` text without punctuation; Chinese also without spaces between words."""
    if language == "zh":
        return INSIDE_ZH.sub("", text)
    return " ".join(INSIDE_EN.sub(" ", text).split())


def blur(syllable: str) -> str:
    """A toneless syllable without the contrasts that are lost on the telephone."""
    for pattern, kept in BLURRED:
        syllable = pattern.sub(kept, syllable)
    return syllable


def _spoken(text: str) -> list[str]:
    """One entry for each character: a toneless syllable, or what is not Chinese."""
    out: list[str] = []
    for run in RUN.findall(text):
        chinese = HAN.match(run)
        out += lazy_pinyin(run, style=Style.NORMAL) if chinese else list(run)
    return out


def _mark(syllable: str) -> str:
    sound = blur(syllable)
    if sound not in _sounds:
        _sounds[sound] = chr(FIRST + len(_sounds))
    return _sounds[sound]


@lru_cache(maxsize=4096)
def sounds(text: str) -> str:
    """`text` with each Chinese character replaced by a mark for its sound."""
    if not HAN.search(text):
        return text
    spoken = _spoken(text)
    return "".join(
        _mark(s) if HAN.match(c) else c for c, s in zip(text, spoken, strict=True)
    )


@lru_cache(maxsize=8192)
def readings(char: str) -> str:
    """The marks of every common reading of one Chinese character."""
    if char in READINGS:
        spoken = READINGS[char].split()
    else:
        spoken = pinyin(char, style=Style.NORMAL)[0]
    return "".join(sorted({_mark(s) for s in spoken}))


def syllables(text: str) -> list[str]:
    """Blurred syllables of the Chinese characters of `text`; the rest unchanged."""
    spoken = _spoken(text)
    return [blur(s) if HAN.match(c) else c for c, s in zip(text, spoken, strict=True)]
