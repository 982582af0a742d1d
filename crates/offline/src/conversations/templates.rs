//! The templates: dialogues about a word, right whatever part of speech it is.
//!
//! They speak of the word instead of using it, with words of a beginner around it (HSK 1 and 2 for the most part). `{w}`
//! is the word, `{p}` its reading, `{e}` how English names it, `{m}` its meaning.

/// A turn: Chinese, pinyin, English. Speakers take turns, A first.
pub(super) type Line = [&'static str; 3];

/// For words of which the meaning is known; the reading need not be.
pub(super) const OF_MEANING: [&[Line]; 5] = [
    &[
        [
            "请问，“{w}”是什么意思？",
            "Qǐngwèn, “{p}” shì shénme yìsi?",
            "Excuse me, what does “{e}” mean?",
        ],
        ["意思是“{m}”。", "Yìsi shì “{m}”.", "It means “{m}”."],
        [
            "谢谢！我想学会这个词。",
            "Xièxie! Wǒ xiǎng xuéhuì zhège cí.",
            "Thank you! I want to learn this word.",
        ],
        [
            "那我们一起读几遍“{w}”吧。",
            "Nà wǒmen yìqǐ dú jǐ biàn “{p}” ba.",
            "Then let us read “{e}” aloud a few times together.",
        ],
    ],
    &[
        [
            "你知道“{w}”的意思吗？",
            "Nǐ zhīdào “{p}” de yìsi ma?",
            "Do you know the meaning of “{e}”?",
        ],
        [
            "知道，是“{m}”的意思。",
            "Zhīdào, shì “{m}” de yìsi.",
            "Yes, I do. It means “{m}”.",
        ],
        [
            "太好了，我记住了！",
            "Tài hǎo le, wǒ jìzhù le!",
            "Great, now I will remember it!",
        ],
    ],
    &[
        [
            "今天的作业你做完了吗？",
            "Jīntiān de zuòyè nǐ zuòwán le ma?",
            "Have you finished today's homework?",
        ],
        [
            "还没有，有一个词我不懂。",
            "Hái méiyǒu, yǒu yí gè cí wǒ bù dǒng.",
            "Not yet. There is a word that I don't understand.",
        ],
        ["是哪个词？", "Shì nǎge cí?", "Which word is it?"],
        [
            "是“{w}”。你知道是什么意思吗？",
            "Shì “{p}”. Nǐ zhīdào shì shénme yìsi ma?",
            "It is “{e}”. Do you know what it means?",
        ],
        [
            "知道，意思是“{m}”。",
            "Zhīdào, yìsi shì “{m}”.",
            "Yes, it means “{m}”.",
        ],
    ],
    &[
        [
            "你在看什么书？",
            "Nǐ zài kàn shénme shū?",
            "What book are you reading?",
        ],
        [
            "一本中文书，书里有“{w}”这个词。",
            "Yì běn Zhōngwén shū, shū li yǒu “{p}” zhège cí.",
            "A Chinese book, and the word “{e}” is in it.",
        ],
        ["这个词难吗？", "Zhège cí nán ma?", "Is this word difficult?"],
        [
            "不难，意思是“{m}”。",
            "Bù nán, yìsi shì “{m}”.",
            "No, it isn't. It means “{m}”.",
        ],
        [
            "好，我也要记住它。",
            "Hǎo, wǒ yě yào jìzhù tā.",
            "Good. I want to remember it, too.",
        ],
    ],
    &[
        [
            "我想问你一个问题：“{w}”是什么意思？",
            "Wǒ xiǎng wèn nǐ yí gè wèntí: “{p}” shì shénme yìsi?",
            "I would like to ask you a question: what does “{e}” mean?",
        ],
        [
            "就是“{m}”的意思。",
            "Jiùshì “{m}” de yìsi.",
            "It simply means “{m}”.",
        ],
        [
            "原来是这样，谢谢你！",
            "Yuánlái shì zhèyàng, xièxie nǐ!",
            "So that is what it means. Thank you!",
        ],
    ],
];

/// For words of which meaning and reading are known.
pub(super) const OF_READING: [&[Line]; 1] = [&[
    [
        "老师，这个词怎么读？",
        "Lǎoshī, zhège cí zěnme dú?",
        "Teacher, how is this word read?",
    ],
    [
        "读“{w}”，意思是“{m}”。",
        "Dú “{p}”, yìsi shì “{m}”.",
        "It is read “{p}” and means “{m}”.",
    ],
    [
        "“{w}”，我读得对吗？",
        "“{p}”, wǒ dú de duì ma?",
        "“{p}”: did I read it right?",
    ],
    [
        "很对！你的中文越来越好了。",
        "Hěn duì! Nǐ de Zhōngwén yuè lái yuè hǎo le.",
        "Quite right! Your Chinese is getting better and better.",
    ],
]];

/// For words of which nothing need be known.
pub(super) const OF_NOTHING: [&[Line]; 5] = [
    &[
        [
            "你今天学了什么？",
            "Nǐ jīntiān xué le shénme?",
            "What did you learn today?",
        ],
        [
            "我学了一个新词：“{w}”。",
            "Wǒ xué le yí gè xīn cí: “{p}”.",
            "I learned a new word: “{e}”.",
        ],
        [
            "你会写这个词吗？",
            "Nǐ huì xiě zhège cí ma?",
            "Can you write this word?",
        ],
        [
            "会，我写给你看。",
            "Huì, wǒ xiě gěi nǐ kàn.",
            "Yes, I can. I'll write it for you to see.",
        ],
    ],
    &[
        [
            "请问，“{w}”怎么写？",
            "Qǐngwèn, “{p}” zěnme xiě?",
            "Excuse me, how do you write “{e}”?",
        ],
        [
            "我给你写在纸上吧。",
            "Wǒ gěi nǐ xiě zài zhǐ shang ba.",
            "Let me write it on a piece of paper for you.",
        ],
        [
            "谢谢你，现在我会写了。",
            "Xièxie nǐ, xiànzài wǒ huì xiě le.",
            "Thank you, now I can write it.",
        ],
    ],
    &[
        [
            "你认识这个词吗？",
            "Nǐ rènshi zhège cí ma?",
            "Do you know this word?",
        ],
        [
            "你说的是“{w}”吗？",
            "Nǐ shuō de shì “{p}” ma?",
            "Do you mean “{e}”?",
        ],
        [
            "对，就是这个词。",
            "Duì, jiùshì zhège cí.",
            "Yes, that is the word.",
        ],
        [
            "认识，我昨天学过。",
            "Rènshi, wǒ zuótiān xué guo.",
            "I know it. I learned it yesterday.",
        ],
        [
            "那你可以教我吗？",
            "Nà nǐ kěyǐ jiāo wǒ ma?",
            "Then can you teach me?",
        ],
    ],
    &[
        [
            "老师，您能再说一遍“{w}”吗？",
            "Lǎoshī, nín néng zài shuō yí biàn “{p}” ma?",
            "Teacher, could you say “{e}” once more?",
        ],
        [
            "好，请听：“{w}”。",
            "Hǎo, qǐng tīng: “{p}”.",
            "All right, please listen: “{e}”.",
        ],
        [
            "现在我听清楚了。",
            "Xiànzài wǒ tīng qīngchu le.",
            "Now I have heard it clearly.",
        ],
        [
            "很好，我们继续上课吧。",
            "Hěn hǎo, wǒmen jìxù shàngkè ba.",
            "Very good. Let us go on with the lesson.",
        ],
    ],
    &[
        [
            "“{w}”这个词你学过吗？",
            "“{p}” zhège cí nǐ xué guo ma?",
            "Have you learned the word “{e}”?",
        ],
        [
            "学过，可是我忘了。",
            "Xué guo, kěshì wǒ wàng le.",
            "Yes, but I have forgotten it.",
        ],
        [
            "没关系，我们一起复习吧。",
            "Méi guānxi, wǒmen yìqǐ fùxí ba.",
            "Never mind, let us review it together.",
        ],
        [
            "好，谢谢你帮我。",
            "Hǎo, xièxie nǐ bāng wǒ.",
            "All right. Thank you for helping me.",
        ],
    ],
];
