"""Invented documents with labels of a user's own: recipes among articles, and two sorts of promo, in English and Chinese.

Two sets of templates and words that share none of their sentences: what is fitted on one is measured on the other.
"""

import json
import random

FIT = {
    "en": {
        "things": "leeks|barley|red lentils|smoked trout|plums|fennel|goat cheese|buckwheat|onions|walnuts|carrots|rice".split(
            "|"
        ),
        "places": "Harbour Ledger|the quay at Orrin|Lake Vesper|the Tallow valley|the town of Brennick".split("|"),
        "recipe": """Heat two tablespoons of oil in a heavy pan and fry the {0} until soft.
Add the chopped {0} and {1}, season with salt and stir for five minutes.
{n} g {0}, rinsed and drained
Preheat the oven to {n} °C and grease a baking tin.
Simmer gently for {n} minutes, then serve with {1}.
Whisk the eggs with the cream and pour over the {0}.
Melt the butter in a saucepan, then add flour and cook for a minute.
Cut the {0} into thin slices and set aside.
Bring a large pot of salted water to the boil.
Roast in the oven for {n} minutes, turning once.
2 tablespoons olive oil
1 clove of garlic, crushed
Cover the pan with a lid and leave over low heat until the {0} are tender.
Mix the {0} with {1} in a bowl, and squeeze half a lemon over them.
Sprinkle with chopped parsley and serve warm.
Knead the dough for ten minutes and let it rise for an hour.
{n} ml milk and 1 teaspoon sugar
Pour in the stock, bring to a simmer and skim the foam.
Fold the {0} into the batter and spoon it into the tin.
Taste, and add more salt and pepper if needed.""".split("\n"),
        "article": """The council of {p} voted on Monday to repair the bridge before winter.
Growers near {p} say that the price of {0} fell by {n} percent this year.
Residents told the paper that the ferry had been late for {n} days in a row.
A museum of trade opened in {p}, with a hall on the history of {0}.
Scientists counted {n} pairs of terns on the island, more than ever before.
She grew up beside the mill and still remembers the smell of {0} in spring.
The harbour master expects the channel to be free of ice by Friday.
The minister said that the law would be read again after the summer.
Two carriages left the rails near {p}, and nobody was hurt.
The team lost at home for the first time in {n} matches.
Prices of flats in {p} have doubled within ten years.
The company plans to hire {n} people for its new plant.
Doctors warn that too few children are vaccinated in the region.
Her second novel is set among the fishermen of {p}.
The restaurant on the square closed after {n} years, its owner said.
A court will decide in spring whether the mine may be opened.""".split("\n"),
        "affiliate": """Buy the {0} slicer at Marlow & Finch for ${n} and save today.
Get {n}% off kitchen knives at Copperline with code PAN{n}.
Our pick: the Tarn skillet, ${n} at Hollis Home. Shop now.
Order the Tarn kettle from Hollis Home and get free delivery.
Limited offer: the Orrin blender for only ${n}, buy it here.
The best price for a set of pans: ${n} at Copperline.
Use code SOUP{n} at checkout to save {n}% on your first order.
Sponsored by Copperline: shop the sale before it ends.""".split("\n"),
        "house": """Subscribe to our newsletter for a letter every Sunday.
Follow us on Instagram and share your photos of {p}.
Become a member of {p} and support our reporters.
Sign up for our daily email and get the news before breakfast.
Join our community on Facebook and tell us what you think.
Download our app to read every story on your phone.
Enjoyed this story? Subscribe for unlimited access.
Help us keep our journalism free: make a donation today.""".split("\n"),
    },
    "zh": {
        "things": "土豆|豆腐|牛腩|香菇|莲藕|春笋|鲈鱼|小米|冬瓜|花生".split("|"),
        "places": "临河镇|青石港|南坪县|松江码头|望海村".split("|"),
        "recipe": """锅中倒油烧热，放入{0}煸炒至变软。
加入切好的{0}和{1}，放盐调味，翻炒五分钟。
{0} {n}克，洗净沥干
大火烧开后转小火炖{n}分钟，撒上葱花即可出锅。
将{0}切成薄片，用料酒和生抽腌制{n}分钟。
鸡蛋打散，加少许清水搅拌均匀。
起锅烧油，下姜片和蒜末炒香。
盖上锅盖，焖煮{n}分钟，收汁装盘。
面粉加水揉成光滑的面团，醒发一小时。
盐、白糖、胡椒粉各适量
水开后放入{0}，煮熟捞出。
最后淋上香油，拌匀即可。""".split("\n"),
        "article": """{p}周一通过决议，将在入冬之前修好大桥。
{p}的农户表示，今年{0}的价格下跌了百分之{n}。
居民告诉记者，渡船已经连续{n}天晚点。
研究人员在岛上数到{n}对海鸟，比以往都多。
她在磨坊旁长大，至今记得春天里的味道。
{p}的新学校将于明年秋天启用。
这家公司计划招聘{n}名员工，扩建厂房。
球队主场{n}连胜的纪录到此为止。
专家认为，房价上涨的速度正在放缓。
广场上的老饭馆开了{n}年，昨天关门了。""".split("\n"),
        "affiliate": """点击购买：{0}切片机，旗舰店仅售{n}元，领券再减{n}元！
好物推荐：铸铁锅限时特价{n}元，立即下单。
官方旗舰店大促，厨房刀具低至{n}元，点击链接购买。
使用优惠码下单立减{n}元，包邮到家。""".split("\n"),
        "house": """欢迎关注我们的公众号，每天早晨送上新文章。
长按二维码加入读者群，和我们一起聊聊{p}。
扫描二维码下载客户端，随时随地看新闻。
喜欢本文就点个关注，分享给更多朋友。""".split("\n"),
    },
}
HELD_OUT = {
    "en": {
        "things": "chickpeas|pears|cod fillets|pumpkin|rye flour|parsnips|hazelnuts|mussels".split("|"),
        "places": "Coldwater Post|the Aldmoor district|Port Selwyn|the Grey Hills".split("|"),
        "recipe": """Peel and dice the {0}, then toss them in melted butter.
Bake for {n} minutes until the {0} are golden and tender.
{n} ml vegetable stock and a pinch of salt
Stir in the {1}, cover the pot and cook over low heat.
Drain the {0}, add garlic and a squeeze of lemon, and serve.
Beat the eggs and sugar until pale, then sift in the flour.
Brush the {0} with oil and grill for {n} minutes on each side.""".split("\n"),
        "article": """Officials in {p} said the new tram line would open {n} weeks late.
The exhibition of maps at {p} drew {n} visitors on its first day.
Exports of {0} from {p} rose for the third year, the chamber of trade reported.
A storm took the roof of the school, and lessons moved to the church hall.
The chef who ran the hotel kitchen for {n} years has written her memoirs.
Police are looking for witnesses of the fire at the old brewery.""".split("\n"),
        "affiliate": """Shop the {0} grinder for ${n} at Vane Kitchen before Friday.
Save {n}% on pots and pans at Birch & Sons with code STEW{n}.
Buy now: a cast-iron casserole for ${n}, delivery is free.""".split("\n"),
        "house": """Sign up for our weekly newsletter and never miss a story.
Like us on Facebook and join our readers in {p}.
Support our work: become a subscriber or make a donation.""".split("\n"),
    },
    "zh": {
        "things": "茄子|排骨|玉米|鸡腿|紫薯|黄豆".split("|"),
        "places": "白沙湾|云岭乡|北桥街道".split("|"),
        "recipe": """{0}去皮切块，用清水浸泡{n}分钟。
热锅凉油，下葱段爆香，倒入{0}翻炒均匀。
加适量盐和白糖，盖上锅盖小火煮{n}分钟，装盘。
蒸锅上汽后放入{0}，大火蒸{n}分钟。""".split("\n"),
        "article": """{p}的新电车线路将推迟{n}周开通。
一场大风掀掉了学校的屋顶，课程改在礼堂进行。
地图展首日迎来{n}名观众，主办方说。
警方正在寻找老酒厂火灾的目击者。""".split("\n"),
        "affiliate": """厨房料理机直降{n}元，点击链接抢购！
{0}礼盒官方旗舰店{n}元包邮，马上下单。""".split("\n"),
        "house": """扫码关注公众号，第一时间看到新故事。
点击右上角关注我们，加入读者交流群。""".split("\n"),
    },
}


def documents(words, count, seed, plain=True):
    """Annotated documents, half of them recipes, each with one or two lines of promo. plain: also units labelled content."""
    dice = random.Random(seed)
    for number in range(count):
        language = "zh" if number % 4 == 3 else "en"
        mine = words[language]
        kind = "recipe" if number % 2 else "article"
        lines = [(kind, template) for template in dice.choices(mine[kind], k=dice.randint(5, 9))]
        if kind == "recipe":
            lines[:0] = [("article", template) for template in dice.sample(mine["article"], 2)]
        for promo in dice.sample(["affiliate", "house"], dice.randint(1, 2)):
            lines.insert(dice.randint(3, len(lines)), (promo, dice.choice(mine[promo])))
        text, units = "", []
        for name, template in lines:
            things = dice.sample(mine["things"], 2)
            line = template.format(*things, n=dice.randint(2, 60) * 5, p=dice.choice(mine["places"]))
            units.append([len(text), len(text) + len(line), "content" if name == "article" else name])
            text += line + "\n"
        if not plain:
            units = [unit for unit in units if unit[2] != "content"]
        yield {"id": f"{seed}-{number}", "site": f"site {seed}-{number // 3}", "text": text, "units": units}


def write(path, words, count, seed=1, **options):
    """Documents as a file; returns its path."""
    path.write_text(
        "".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents(words, count, seed, **options)), "utf-8"
    )
    return path
