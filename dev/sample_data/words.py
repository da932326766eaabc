"""The words of the sample's search queries, and texts that must arrive unchanged.

A modifier ends with a space and a use begins with one, so that concatenation makes a phrase. The first modifier and the
first use are empty, so that the most frequent queries are the products alone.
"""

PRODUCTS = (
    *("wireless headphones", "water bottle", "yoga mat", "phone case", "desk lamp", "coffee mug"),
    *("running shoes", "backpack", "air fryer", "dog bed", "usb c cable", "kitchen scale", "rain jacket"),
    *("bike light", "garden hose", "notebook", "sunglasses", "standing desk", "robot vacuum", "tea kettle"),
    *("cat toys", "power bank", "lunch box", "shower curtain", "keyboard", "baby monitor", "camping chair"),
    *("wall clock", "hair dryer", "office chair", "wool socks", "bluetooth speaker", "cutting board"),
    *("night light", "travel pillow", "resistance bands", "picture frame", "storage bins", "hand soap", "umbrella"),
)
MODIFIERS = (
    *("", "black ", "small ", "large ", "best ", "cheap ", "foldable ", "portable ", "waterproof ", "blue "),
    *("heavy duty ", "lightweight ", "mini ", "modern ", "organic ", "pink ", "premium ", "quiet ", "retro "),
    *("rechargeable ", "reusable ", "smart ", "soft ", "stainless steel ", "white "),
)
USES = (
    *("", " for kids", " for women", " for men", " for travel", " for home", " for office", " for beginners"),
    *(" for small spaces", " with case", " with lid", " gift", " set", " under 20", " 2026", " on sale"),
    *(" for seniors", " near me", " reviews", " replacement"),
)

# Each text is normalised already: lower case, trimmed, single spaces.
UNUSUAL_TEXTS = (
    "men's 6\" boots",
    "\"exact phrase\" 'quoted'",
    "back\\slash \\n not a newline",
    "100% cotton; drop table sqp.weekly_summary; --",
    "{{ not a template }} %(nor)s $1 :this",
    "null",
    "\\n",
    "crème brûlée torch",
    "🎧 wireless 🎧",
    "👨\u200d👩\u200d👧 family mug",
    "lone \ufffc object",
    "سماعات لاسلكية",
    "אוזניות אלחוטיות 5.0",
    "ワイヤレス イヤホン",
    "x" * 2000,
)
