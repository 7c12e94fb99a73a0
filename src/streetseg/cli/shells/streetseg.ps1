# Completion of streetseg for PowerShell: streetseg completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName streetseg -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = $commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition }
    $words = @($before | ForEach-Object { if ($null -ne $_.Value) { $_.Value } else { $_.Extent.Text } })
    $env:_STREETSEG_COMPLETE = 'powershell'
    $env:_STREETSEG_WORDS = $words -join "`n"
    $env:_STREETSEG_WORD = $wordToComplete.Trim("'", '"')
    try {
        streetseg | ForEach-Object {
            $kind, $value, $help = $_ -split "`t"
            $text = if ($value -match "[\s'(){};,&|``$]") { "'" + $value.Replace("'", "''") + "'" } else { $value }
            $about = if ($help) { $help } else { $value }
            [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $about)
        }
    }
    finally {
        $env:_STREETSEG_COMPLETE = $env:_STREETSEG_WORDS = $env:_STREETSEG_WORD = $null
    }
}
