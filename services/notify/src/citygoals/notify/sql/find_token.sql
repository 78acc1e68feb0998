-- To whom and about what the mail with this token was.
SELECT recipient, template, language FROM notice WHERE token = $1
