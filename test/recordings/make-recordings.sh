#!/bin/sh
# Makes the two spoken recordings again: two voices, two texts, so that each direction of a call can be told
# from the other, and when each word is spoken. Needs espeak-ng (1.51 made the committed files), sox and python3; CI does
# not run this.
set -eu
cd "$(dirname "$0")"

# speak NAME VOICE PITCH WORDS-PER-MINUTE TEXT
speak() {
  # A little silence at both ends, 16 kHz to keep the files small.
  espeak-ng -v "$2" -p "$3" -s "$4" --stdout "$5" |
    sox -R -t wav - -b 16 -r 16000 -c 1 "$1.wav" silence 1 0.01 0.1% reverse silence 1 0.01 0.1% reverse \
      gain -n -3 pad 0.2 0.3
  # What is cut off the beginning is less than a millisecond.
  python3 word-times.py "$2" "$3" "$4" "$5" 200 >"$1.words.json"
}

speak alice en-us+f3 60 165 'Hello Bob, this is Alice, calling from behind a router that has never heard of you.
Seven large boxes of fresh oranges arrived this morning. Please tell me whether you can hear every single word.'

speak bob en-gb+m3 35 160 'Good evening Alice, Bob speaking. Your voice comes through without any trouble.
The old lighthouse keeper counted thirty four ships before the fog rolled in. I will ring back tomorrow.'
