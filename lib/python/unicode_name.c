/* unicode_name - the character that a Unicode name means. */
#include "unicode_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unictype.h>
#include <uniname.h>

/* Control characters have no names but these, which the standard lists as aliases. */
static bool control(const char *name, ucs4_t *c)
{
    static const struct {
        const char *name;
        unsigned char c;
    } known[] = {{"NULL", 0}, {"NUL", 0}, {"START OF HEADING", 1}, {"SOH", 1}, {"START OF TEXT", 2},
        {"STX", 2}, {"END OF TEXT", 3}, {"ETX", 3}, {"END OF TRANSMISSION", 4}, {"EOT", 4},
        {"ENQUIRY", 5}, {"ENQ", 5}, {"ACKNOWLEDGE", 6}, {"ACK", 6}, {"ALERT", 7}, {"BEL", 7},
        {"BACKSPACE", 8}, {"BS", 8}, {"CHARACTER TABULATION", 9}, {"HORIZONTAL TABULATION", 9},
        {"HT", 9}, {"TAB", 9}, {"LINE FEED", 10}, {"NEW LINE", 10}, {"END OF LINE", 10}, {"LF", 10},
        {"NL", 10}, {"EOL", 10}, {"LINE TABULATION", 11}, {"VERTICAL TABULATION", 11}, {"VT", 11},
        {"FORM FEED", 12}, {"FF", 12}, {"CARRIAGE RETURN", 13}, {"CR", 13}, {"SHIFT OUT", 14},
        {"SO", 14}, {"SHIFT IN", 15}, {"SI", 15}, {"DATA LINK ESCAPE", 16}, {"DLE", 16},
        {"CANCEL", 24}, {"CAN", 24}, {"SUBSTITUTE", 26}, {"SUB", 26}, {"ESCAPE", 27}, {"ESC", 27},
        {"INFORMATION SEPARATOR FOUR", 28}, {"FILE SEPARATOR", 28}, {"FS", 28},
        {"INFORMATION SEPARATOR THREE", 29}, {"GROUP SEPARATOR", 29}, {"GS", 29},
        {"INFORMATION SEPARATOR TWO", 30}, {"RECORD SEPARATOR", 30}, {"RS", 30},
        {"INFORMATION SEPARATOR ONE", 31}, {"UNIT SEPARATOR", 31}, {"US", 31}, {"DELETE", 127},
        {"DEL", 127}, {"NEXT LINE", 133}, {"NEL", 133}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(name, known[i].name) == 0) {
            *c = known[i].c;
            return true;
        }
    return false;
}

/* An ideograph is named by its number, in four or five digits with capitals. */
static bool ideograph(const char *name, ucs4_t *c)
{
    static const char prefix[] = "CJK UNIFIED IDEOGRAPH-";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    name += sizeof prefix - 1;
    size_t n = strspn(name, "0123456789ABCDEF");
    if (name[n] || n < 4 || n > 5)
        return false;
    *c = (ucs4_t)strtoul(name, NULL, 16);
    return uc_is_property_unified_ideograph(*c) && !(*c >= 0xF900 && *c <= 0xFAFF);
}

/* A syllable that ends in NJ, which libunistring takes for one in N. */
static bool syllable(const char *name, ucs4_t *c)
{
    size_t n = strlen(name);
    char shorter[64];
    if (n < 3 || n >= sizeof shorter || strncmp(name, "HANGUL SYLLABLE ", 16) != 0 ||
        strcmp(name + n - 2, "NJ") != 0)
        return false;
    snprintf(shorter, sizeof shorter, "%.*s", (int)n - 1, name);
    *c = unicode_name_character(shorter) + 1;
    return *c >= 0xAC00 && *c <= 0xD7A3;
}

bool kv_unicode_name(struct kv_slice name, ucs4_t *c)
{
    char text[128];
    if (name.n >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
    if (control(text, c) || ideograph(text, c) || syllable(text, c))
        return true;
    *c = unicode_name_character(text);
    return *c != UNINAME_INVALID;
}
