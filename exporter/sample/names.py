"""Names of people from many parts of the world."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from exporter.sample.draws import permute


@dataclass(frozen=True, slots=True)
class Name:
    """`display` is what a person writes, in any script; `user` is ASCII and unique in the organisation."""

    display: str
    user: str


@dataclass(frozen=True, slots=True)
class _Culture:
    """Given and family names as (written, ASCII) pairs; `order` writes a full name from the two."""

    given: tuple[tuple[str, str], ...]
    family: tuple[tuple[str, str], ...]
    order: str


def _pairs(words: str) -> tuple[tuple[str, str], ...]:
    """`José=jose` names the ASCII form where dropping what is not a letter does not give it; `_` is a space."""
    pairs = []
    for word in words.split():
        written, _, plain = word.partition("=")
        pairs.append((written.replace("_", " "), plain or re.sub("[^a-z]", "", written.lower())))
    return tuple(pairs)


_EUROPE_AND_AMERICAS = _Culture(
    _pairs(
        """
        Alice Amelia Andrew Anna Anthony Astrid Benjamin Camila Carlos Caroline Charlotte Chloé=chloe Clara Daniel Daniela David Diego Dmitri
        Eleanor Elena Emily Emma Erik Ethan Eva Fabian Fernanda Filip Francesca Gabriel Giulia Grace Hannah Henrik Hugo Inès=ines Isabella Ivana
        Jack Jakob James Jana Joana João=joao Jonas José=jose Julia Karolina Katarzyna Klara Lars Laura Léa=lea Leon Liam Lucas Lucía=lucia
        Łukasz=lukasz Magdalena Marco Margaret María=maria Mateo Matthias Maya Michael Mikołaj=mikolaj Milan Natalia Nathan Nicolás=nicolas Nikola
        Nina Noah Oksana Oliver Olivia Óscar=oscar Patrick Paula Pedro Peter Rachel Renée=renee Robert Ryan Samuel Sarah Sean Siobhán=siobhan Sofia
        Sophie Søren=soren Stefan Thomas Valentina Victoria William Zoë=zoe
        """
    ),
    _pairs(
        """
        Adams Álvarez=alvarez Andersson Baker Bauer Becker Bennett Bianchi Björk=bjork Bouchard Brown Campbell Carvalho Castillo Clark Colombo
        Cooper Costa D'Angelo Davies De_Vries Díaz=diaz Dubois Dvořák=dvorak Edwards Fernández=fernandez Ferrari Fischer Fontaine Foster
        García=garcia Gonçalves=goncalves González=gonzalez Graham Gray Green Hansen Hernández=hernandez Hoffmann Horvat Hughes Ivanova Jansen
        Jensen Johansson Johnson Jones Jørgensen=jorgensen Kaiser Kelly Kowalski Kovács=kovacs Kraus Larsen Laurent Lefebvre Lewandowski Lindqvist
        López=lopez MacDonald Marino Martin Martínez=martinez Mendoza Meyer Miller Moreau Morgan Müller=mueller Murphy Navarro Nielsen Novak Nowak
        O'Brien O'Connor O'Neill Oliveira Papadopoulos Parker Pereira Pérez=perez Peterson Petrović=petrovic Popescu Quinn Ramírez=ramirez Reid
        Ribeiro Richter Rivera Roberts Rodríguez=rodriguez Rossi Roy Sánchez=sanchez Santos Schäfer=schaefer Schmidt Schneider Silva Smith-Jones
        Sørensen=sorensen Stewart Šimić=simic Taylor Thompson Torres Van_den_Berg Vargas Walker Wagner Wilson Wójcik=wojcik Wright Young Zimmermann
        """
    ),
    "{given} {family}",
)
_SOUTH_ASIA = _Culture(
    _pairs(
        """
        Aarav Aditi Aishwarya Ananya Anil Arjun Ayesha Deepak Divya Farhan Imran Ishaan Kavya Lakshmi Manish Meera Neha Nikhil Pooja Priya Rahul
        Rajesh Rohan Sanjay Shreya Sunita Tanvi Usman Vikram Zara
        """
    ),
    _pairs(
        """
        Agarwal Ahmed Banerjee Bhatt Chaudhry Chopra Das Desai Fernando Ghosh Gupta Hussain Iyer Jain Joshi Kapoor Khan Kulkarni Kumar Mehta
        Mukherjee Nair Patel Perera Rao Reddy Sharma Singh Srinivasan Verma
        """
    ),
    "{given} {family}",
)
_CHINA = _Culture(
    _pairs(
        """
        芳=fang 伟=wei 娜=na 敏=min 静=jing 磊=lei 军=jun 洋=yang 勇=yong 艳=yan 杰=jie 涛=tao 明=ming 霞=xia 秀英=xiuying 建国=jianguo 思远=siyuan
        雨桐=yutong 子涵=zihan 浩然=haoran 欣怡=xinyi 梓萱=zixuan 志强=zhiqiang 晓东=xiaodong
        """
    ),
    _pairs(
        """
        王=wang 李=li 张=zhang 刘=liu 陈=chen 杨=yang 赵=zhao 黄=huang 周=zhou 吴=wu 徐=xu 孙=sun 胡=hu 朱=zhu 高=gao 林=lin 何=he 郭=guo 马=ma
        罗=luo 梁=liang 宋=song 郑=zheng 谢=xie
        """
    ),
    "{family}{given}",
)
_JAPAN = _Culture(
    _pairs(
        """
        陽菜=hina 結衣=yui さくら=sakura 美咲=misaki 健太=kenta 大輔=daisuke 翔=sho 拓也=takuya 直樹=naoki 恵子=keiko
        由美子=yumiko 誠=makoto 葵=aoi 蓮=ren 悠斗=yuto 千尋=chihiro 浩=hiroshi 真理子=mariko
        """
    ),
    _pairs(
        """
        佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 渡辺=watanabe 伊藤=ito 山本=yamamoto 中村=nakamura
        小林=kobayashi 加藤=kato 吉田=yoshida 山田=yamada 松本=matsumoto 井上=inoue 木村=kimura 清水=shimizu
        """
    ),
    "{family} {given}",
)
_KOREA = _Culture(
    _pairs(
        """
        서연=seoyeon 지우=jiwoo 민준=minjun 현우=hyunwoo 수빈=subin 지훈=jihoon 예은=yeeun 도윤=doyun 하은=haeun
        성민=seongmin 은지=eunji 태현=taehyun 유진=yujin 승호=seungho
        """
    ),
    _pairs("김=kim 이=lee 박=park 최=choi 정=jung 강=kang 조=cho 윤=yoon 장=jang 임=lim 한=han 오=oh 서=seo 신=shin"),
    "{family}{given}",
)
_AFRICA_AND_MIDDLE_EAST = _Culture(
    _pairs(
        """
        Abena Adebayo Ahmad Aisha Amara Amina Chiamaka Chinedu Dalia Elif Emre Fatima Hassan Ibrahim Karim Kwame Layla Mehmet Nadia Ngozi Nour Omar
        Rami Samira Sipho Tariq Thandiwe Yaw Yusuf Zanele
        """
    ),
    _pairs(
        """
        Abdi Abubakar Adeyemi Al-Farsi Al-Masri Asante Çelik=celik Ben_Ali Boateng Cohen Demir Diallo Dlamini El-Sayed Eze Haddad Hakimi Kamau Levi
        Mahmoud Mensah Mokoena Mwangi Ndiaye Nkosi Okafor Okonkwo Osei Rahimi Şahin=sahin Tadesse Toure Öztürk=ozturk
        """
    ),
    "{given} {family}",
)
_SOUTH_EAST_ASIA = _Culture(
    _pairs(
        """
        Anh Dewi Đức=duc Farah Huyền=huyen Intan Jasmine Khoa Linh Maricel Minh Nam Ngọc=ngoc Nurul Putu Rizal Siti Thảo=thao Tuấn=tuan Wayan
        """
    ),
    _pairs(
        """
        Aquino Bautista Bùi=bui Đặng=dang Dela_Cruz Đỗ=do Hidayat Hoàng=hoang Lê=le Nguyễn=nguyen Phạm=pham Pratama Rahman Reyes Santoso Trần=tran
        Võ=vo Wijaya
        """
    ),
    "{given} {family}",
)
_TURNS = (
    *(_EUROPE_AND_AMERICAS, _SOUTH_ASIA, _EUROPE_AND_AMERICAS, _CHINA, _EUROPE_AND_AMERICAS, _AFRICA_AND_MIDDLE_EAST, _EUROPE_AND_AMERICAS),
    *(_SOUTH_ASIA, _EUROPE_AND_AMERICAS, _JAPAN, _EUROPE_AND_AMERICAS, _SOUTH_EAST_ASIA, _EUROPE_AND_AMERICAS, _KOREA),
)
"""Whose turn it is for person 0, 1, 2 …: half of the people have European names."""


@cache
def _rank(turn: int) -> tuple[int, int]:
    """How often a turn's culture came before in a round, and how often in a whole round."""
    return sum(culture is _TURNS[turn] for culture in _TURNS[:turn]), sum(culture is _TURNS[turn] for culture in _TURNS)


def name_of(number: int, seed: int) -> Name:
    """The name of person `number` (from 0). Once all pairs of a culture are given away, user names go on with 2, 3, … at the end."""
    rounds, turn = divmod(number, len(_TURNS))
    culture = _TURNS[turn]
    before, a_round = _rank(turn)
    pairs = len(culture.given) * len(culture.family)
    repeat, pair = divmod(rounds * a_round + before, pairs)
    given_index, family_index = divmod(permute(pair, pairs, f"{seed}/names/{_TURNS.index(culture)}"), len(culture.family))
    given, family = culture.given[given_index], culture.family[family_index]
    return Name(culture.order.format(given=given[0], family=family[0]), f"{given[1]}.{family[1]}{repeat + 1 if repeat else ''}")
